import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/** Files that open databases, lakes or whole systems: a process for each gives back what those leave to the allocator. */
const apart = ['**/adapters/**/*.test.ts', '**/test/**/*.test.ts']
const leftOut = [
  '**/node_modules/**',
  'dist/**',
  '**/*.real.test.ts',
  '**/*.long.test.ts',
  '**/*.outside.test.ts',
  '**/*.cluster.test.ts',
]
const common = { testTimeout: 120_000, hookTimeout: 120_000, pool: 'forks' as const }

export default defineConfig({
  test: {
    // Two cores would get one worker.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      { test: { ...common, name: 'apart', include: apart, exclude: leftOut } },
      // Hundreds of small files: a process for each would take longer than their tests. None may leave anything in a module.
      {
        test: {
          ...common,
          name: 'together',
          include: ['**/*.test.ts'],
          exclude: [...leftOut, ...apart],
          isolate: false,
        },
      },
    ],
  },
})
