import { describe, expect, it } from 'vitest'
import { tables } from '../../../schemas/tables.ts'
import { mergeMaxPartitions, mergeRun, partitionRuns } from './lake-publication.ts'

const days = (count: number, generation?: number) =>
  Array.from({ length: count }, (_, n) => ({ partition: generation === undefined ? [n] : [generation, n] }))

describe('runs of partitions', () => {
  it('hold as many as one statement may write, and the next begins a new one', () => {
    expect(partitionRuns(days(mergeMaxPartitions))).toHaveLength(1)
    expect(partitionRuns(days(mergeMaxPartitions + 1))).toEqual([
      { generation: null, first: 0, last: mergeMaxPartitions - 1 },
      { generation: null, first: mergeMaxPartitions, last: mergeMaxPartitions },
    ])
  })

  it('are of one generation each, whatever the order of the files', () => {
    const files = [...days(2, 2), ...days(3, 1)].reverse()
    expect(partitionRuns(files)).toEqual([
      { generation: 1, first: 0, last: 2 },
      { generation: 2, first: 0, last: 1 },
    ])
  })

  it('count partitions and not periods: far apart ones share a statement', () => {
    expect(partitionRuns([{ partition: [-400] }, { partition: [20_000] }])).toEqual([
      { generation: null, first: -400, last: 20_000 },
    ])
  })
})

describe('the statement that publishes', () => {
  const prepared = { id: 42, folder: 'f/', tableName: 'failed_hits_42_ab', location: 's3://b/f', runs: [] }
  const place = { catalog: 'lake', schema: 'hitlake_tables' }

  it('joins on the publication and the row, within the partitions it writes', () => {
    const run = { generation: null, first: 20_513, last: 20_514 }
    expect(mergeRun(place, tables.failed_hits, prepared, run)).toMatchInlineSnapshot(`
      "MERGE INTO "lake"."hitlake_tables"."failed_hits" t
      USING (SELECT * FROM "lake"."hitlake_tables_publications"."failed_hits_42_ab" p WHERE p."received" >= TIMESTAMP '2026-03-01 00:00:00.000000 UTC' AND p."received" < TIMESTAMP '2026-03-03 00:00:00.000000 UTC') s
      ON t."_publish" = 42 AND s."_publish" = t."_publish" AND s."_row" = t."_row" AND t."received" >= TIMESTAMP '2026-03-01 00:00:00.000000 UTC' AND t."received" < TIMESTAMP '2026-03-03 00:00:00.000000 UTC'
      WHEN NOT MATCHED THEN INSERT ("merchant", "id", "name", "time", "received", "step", "reason", "original", "plan", "_src", "_part", "_off", "_idx", "_publish", "_row", "_gen", "visitor", "user")
      VALUES (s."merchant", s."id", s."name", s."time", s."received", s."step", s."reason", s."original", s."plan", s."_src", s."_part", s."_off", s."_idx", s."_publish", s."_row", s."_gen", s."visitor", s."user")"
    `)
  })

  it('names the generation where the table has them', () => {
    const run = { generation: 7, first: 0, last: 0 }
    const sql = mergeRun(place, tables.hourly, prepared, run)
    expect(sql).toContain('t."_gen" = 7')
    expect(sql).toContain('p."_gen" = 7')
  })
})
