import fc from 'fast-check';

/**
 * The seed of every property test. `make test` runs the same cases each time, so that a push fails for what it changed;
 * `make test-long` draws new ones, and prints the seed of what it finds. VEDETTE_TEST_SEED repeats it.
 */
const fixedSeed = 20_131_121;
const { VEDETTE_TEST_SEED: given, VEDETTE_TEST_PROPERTIES: properties } = process.env;

if (given !== undefined) fc.configureGlobal({ seed: Number(given) });
else if (properties !== 'random') fc.configureGlobal({ seed: fixedSeed });
