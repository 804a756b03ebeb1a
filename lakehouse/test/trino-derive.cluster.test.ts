/** Derivation by a real Trino, in a lake as a cluster has it. */
import { afterAll } from 'vitest'
import { lakeDeriveContract } from '../../core/ports/lake-derive.contract.ts'
import type { LakeRow, LakeValue } from '../../core/tables.ts'
import { testLength } from '../../core/test/length.ts'
import { openTrinoLake, type TrinoLakeUnderTest } from './trino-lake-under-test.ts'

const opened: TrinoLakeUnderTest[] = []
afterAll(async () => {
  for (const under of opened) await under.close()
})

lakeDeriveContract('by Trino', {
  pendingFiles: 'left out',
  runs: testLength('CLUSTER_TEST_DERIVE_RUNS', { short: 1, full: 6 }),
  async open({ maxValues }) {
    const under = await openTrinoLake(['hits', 'hourly', 'daily', 'sessions'])
    opened.push(under)
    return {
      lake: under.lake({ foldMaxValues: maxValues }),
      rows: async (table, snapshot) => (await under.rows(table, snapshot)).map(withLists),
    }
  },
})

/** Lists come as JSON text, structs in them as arrays or objects of their fields in order. */
function withLists(row: LakeRow): LakeRow {
  const pairs = (name: string, [key, value]: readonly [string, string], keyOf: (text: string) => LakeValue) => {
    const list = parsed(row[name]) as readonly object[] | null
    return list?.map((each) => Object.values(each)).map(([k, v]) => ({ [key]: keyOf(k), [value]: BigInt(v) })) ?? null
  }
  if (!('visitors' in row)) return row
  return {
    ...row,
    visitors: (parsed(row.visitors) as readonly string[] | null)?.map(BigInt) ?? null,
    load: pairs('load', ['bucket', 'n'], Number),
    other_revenue: pairs('other_revenue', ['currency', 'micros'], String),
  }
}

/** Numbers as their digits: many are beyond 2^53. */
function parsed(json: LakeValue | undefined): unknown {
  return typeof json === 'string' ? JSON.parse(json.replace(/(?<=[[:,])-?\d+/g, '"$&"')) : null
}
