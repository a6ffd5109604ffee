import { failoverOf } from './ends/failover.ts';

failoverOf('kafkajs');
