import type { KafkaClientName, KafkaLibrary } from './client.ts';

/** Loads a library; only the one that a configuration names is ever loaded. */
export async function loadKafkaLibrary(name: KafkaClientName): Promise<KafkaLibrary> {
  switch (name) {
    case 'platformatic':
      return (await import('./platformatic/library.ts')).platformatic;
    case 'kafkajs':
      return (await import('./kafkajs/library.ts')).kafkajs;
  }
}
