/**
 * The suites that `npm test` leaves out because they take long or need something from outside:
 * `*.long.test.ts` (hundreds of kills, thousands of merchants), `*.real.test.ts` (real data beside the checkout), `*.outside.test.ts` (Python),
 * `*.cluster.test.ts` (real Kafka, PostgreSQL, S3 and Trino, which they install and start themselves).
 * Run as `vitest run --config infra/build/vitest.suites.ts <suite>`.
 */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  root: new URL('../..', import.meta.url).pathname,
  test: {
    include: ['**/*.{long,real,outside,cluster}.test.ts'],
    exclude: ['**/node_modules/**', 'dist/**'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    pool: 'forks',
  },
})
