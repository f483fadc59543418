// The model test of a target, for as many histories as one likes: `npm run model -- --help` says what it can do.
import { runExplorer } from './lib/explorer.mjs';

runExplorer('model', 'test/target/model');
