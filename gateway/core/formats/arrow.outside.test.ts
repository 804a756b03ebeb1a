/**
 * An answer's Arrow stream, opened by pyarrow. Needs `infra/local/pyiceberg/setup.sh` run once; part of
 * `npm run test:outside`.
 */
import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { installedPython } from '../../../infra/local/pyiceberg/inspector.ts'
import { queryAnswer, row } from './answers-under-test.ts'
import { representQuery } from './representation.ts'

const script = `
import json, sys
import pyarrow
table = pyarrow.ipc.open_stream(sys.stdin.buffer).read_all()
print(json.dumps({
  "fields": [f"{field.name} {field.type}" for field in table.schema],
  "meta": json.loads(table.schema.metadata[b"hitlake"])["meta"],
  "rows": [[None if value is None else str(value) for value in row.values()] for row in table.to_pylist()],
}))
`

async function opened(answer: ReturnType<typeof queryAnswer>) {
  const { body } = await representQuery(answer, 'arrow')
  return JSON.parse(execFileSync(installedPython(), ['-c', script], { input: body }).toString('utf8'))
}

const fields = [
  'time:day timestamp[ms, tz=Europe/Berlin]',
  'page string',
  'hits int64',
  'revenue decimal128(38, 6)',
  'bounce_rate double',
  'load_p95 double',
  'other bool',
]

describe('an Arrow stream', () => {
  it('opens in pyarrow with its types, values, nulls and metadata', async () => {
    const numbers = [2n ** 60n, '-12345678901234567890.000001', 0.5, null] as const
    const answer = queryAnswer([row('größe', numbers), { ...row(null), other: true }])
    expect(await opened(answer)).toEqual({
      fields,
      meta: answer.meta,
      rows: [
        [
          '2026-03-01 00:00:00+01:00',
          'größe',
          '1152921504606846976',
          '-12345678901234567890.000001',
          '0.5',
          null,
          'False',
        ],
        ['2026-03-01 00:00:00+01:00', '(other)', '1', '0.000000', null, null, 'True'],
      ],
    })
  })

  it('opens where there is no row', async () => {
    expect(await opened(queryAnswer([]))).toMatchObject({ fields, rows: [] })
  })
})
