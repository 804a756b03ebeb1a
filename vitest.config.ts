import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/** Files that open databases, lakes or whole systems: a process for each gives back what those leave to the allocator. */
const apart = [
  'cli/**/test/**',
  'gateway/test/**',
  'lakehouse/test/**',
  'lakehouse/adapters/{duckdb,local}/**',
  'pipelines/adapters/{rerun,threads}/**',
  // Loads modules that it writes.
  'pipelines/test/tutorial*',
].map((place) => `${place}.test.ts`)
const leftOut = [
  '**/node_modules/**',
  'dist/**',
  '**/*.real.test.ts',
  '**/*.long.test.ts',
  '**/*.outside.test.ts',
  '**/*.cluster.test.ts',
]

export default defineConfig({
  test: {
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    // Two cores would get one worker; tests of whole systems wait as much as they work.
    maxWorkers: Math.max(3, availableParallelism() - 1),
    projects: [
      { extends: true, test: { name: 'apart', include: apart, exclude: leftOut } },
      // Hundreds of small files: a process for each would take longer than their tests. None may leave anything in a module.
      {
        extends: true,
        test: { name: 'together', include: ['**/*.test.ts'], exclude: [...leftOut, ...apart], isolate: false },
      },
    ],
  },
})
