/**
 * The suites that `npm test` leaves out because they take long or need something from outside:
 * `*.long.test.ts` (hundreds of kills, thousands of merchants), `*.real.test.ts` (real data beside the checkout),
 * `*.outside.test.ts` (Python). The suite over real servers has a file of its own, vitest.cluster.ts.
 * Run as `vitest run --config infra/build/vitest.suites.ts --project <suite> [filter]`.
 */
import { defineConfig } from 'vitest/config'

const suite = (name: string) => ({
  test: {
    name,
    root: new URL('../..', import.meta.url).pathname,
    include: [`**/*.${name}.test.ts`],
    exclude: ['**/node_modules/**', 'dist/**'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    pool: 'forks' as const,
  },
})

export default defineConfig({ test: { projects: ['long', 'real', 'outside'].map(suite) } })
