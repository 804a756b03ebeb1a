/** What every query engine answers of hits, as tests; of visits: query-engine-visits.contract.ts. */
import { describe, expect, it } from 'vitest'
import { drawnContract } from './query-engine-drawn.contract.ts'
import { erasedContract } from './query-engine-erased.contract.ts'
import { generationsContract } from './query-engine-generations.contract.ts'
import { rawContract } from './query-engine-raw.contract.ts'
import { rollupContract } from './query-engine-rollup.contract.ts'
import { type EngineUnderTest, hours, opened, partialRow, rollupQuestion } from './query-engine-under-test.ts'

export function queryEngineContract(name: string, under: EngineUnderTest): void {
  describe(`${name} as query engine`, () => {
    rollupContract(under)
    rawContract(under)
    erasedContract(under)
    generationsContract(under)
    pendingContract(under)
    if (under.reference !== undefined) drawnContract({ ...under, reference: under.reference })
  })
}

function pendingContract(under: EngineUnderTest): void {
  describe('a view with files that are not published yet', () => {
    it(`has them ${under.pendingFiles}`, async () => {
      const { engine, viewWithPending } = await opened(under)
      const files = [[partialRow()], [partialRow({ hits: 10, _part: 1 })], [partialRow({ hits: 100, _part: 2 })]]
      for (const [published, visible] of [
        [0, 0n],
        [2, 11n],
      ] as const) {
        const hourly = await viewWithPending('hourly', files, published)
        const groups = await engine.hits(rollupQuestion({ hourly }, hours(1)), {})
        const expected = under.pendingFiles === 'read' ? 111n : visible
        expect(groups.reduce((sum, { hits }) => sum + hits, 0n)).toBe(expected)
      }
    })
  })
}
