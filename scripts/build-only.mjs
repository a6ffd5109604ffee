// npm run build: install and build.
import { build, install } from './toolchain.mjs';

install();
build();
