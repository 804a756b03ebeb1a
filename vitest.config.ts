import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    exclude: [
      '**/node_modules/**',
      'dist/**',
      '**/*.real.test.ts',
      '**/*.long.test.ts',
      '**/*.outside.test.ts',
      '**/*.cluster.test.ts',
    ],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // Two cores would get one worker.
    maxWorkers: Math.max(2, availableParallelism() - 1),
  },
})
