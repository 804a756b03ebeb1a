/** Answers of `POST /v1/query`, and how they are compared with a recount. */
import { expect } from 'vitest'
import type { Asked, Group } from './recount-query.ts'

export interface QueryReply {
  readonly results: readonly {
    readonly dimensions: readonly (string | null)[]
    readonly metrics: readonly (number | string | null)[]
    readonly other?: boolean
  }[]
  readonly meta: {
    readonly asOf: string
    readonly approximate: { readonly visitors?: number }
    readonly servedFrom: Readonly<Record<'cache' | 'rollup' | 'daily' | 'sessions' | 'raw', number>>
    readonly truncated: boolean
    readonly nextCursor?: string
  }
}

/** Every group once, with every number: exact, sketched visitors within 5 standard errors, quantiles within 1 %. */
export function expectRecounted(body: QueryReply, wanted: ReadonlyMap<string, Group>, asked: Asked): void {
  const shown = JSON.stringify(asked)
  expect(body.meta.truncated).toBe(false)
  const found = new Set<string>()
  for (const row of body.results) {
    const key = JSON.stringify(row.dimensions)
    expect(found.has(key), `${key} twice in ${shown}`).toBe(false)
    found.add(key)
    const group = wanted.get(key)
    expect(group, `${key} is in the answer and not in the recount of ${shown}`).toBeDefined()
    asked.metrics.forEach((metric, i) => {
      const got = row.metrics[i]
      const want = group?.values[metric] as number | null
      const told = `${metric} of ${key} in ${shown}: ${got}, recounted ${want}`
      if (want === null) expect(got, told).toBeNull()
      else if (metric === 'visitors' && body.meta.approximate.visitors !== undefined) {
        expect(Math.abs(Number(got) - want), told).toBeLessThanOrEqual(5 * body.meta.approximate.visitors * want)
      } else if (metric.startsWith('load_')) {
        expect(Math.abs(Number(got) - want), told).toBeLessThanOrEqual(0.0101 * Math.abs(want) + 1e-9)
      } else expect(Math.abs(Number(got) - want), told).toBeLessThan(1e-9 * Math.max(1, Math.abs(want)))
    })
  }
  for (const key of wanted.keys()) expect(found.has(key), `${key} is missing of ${shown}`).toBe(true)
}

/**
 * The same rows in the same order from two systems whose hashes of visitors differ: every number is equal, except
 * visitors where both say that they are approximate.
 */
export function expectSameAnswer(one: QueryReply, other: QueryReply, asked: Asked): void {
  const shown = JSON.stringify(asked)
  expect(Object.keys(one.meta.approximate), shown).toEqual(Object.keys(other.meta.approximate))
  if (one.meta.approximate.visitors === undefined) {
    expect(one.results, shown).toEqual(other.results)
    return
  }
  const exact = ({ results }: QueryReply) =>
    results
      .map(({ dimensions, metrics }) => ({
        dimensions,
        metrics: metrics.filter((_, i) => asked.metrics[i] !== 'visitors'),
      }))
      // Who has more visitors may be ordered otherwise.
      .sort((a, b) => (JSON.stringify(a.dimensions) < JSON.stringify(b.dimensions) ? -1 : 1))
  expect(exact(one), shown).toEqual(exact(other))
}
