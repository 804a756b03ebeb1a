import { type Table, tableFromIPC } from 'apache-arrow'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { queryJson } from '../query/answer-json.ts'
import { meta, queryAnswer, row, series } from './answers-under-test.ts'
import { type FormatName, formatNames } from './format.ts'
import { metaHeaderMaxLength, representQuery, representSeries } from './representation.ts'

const rest = (page: string | null) => ({ ...row(page, [7, '-3.5', 0.25, 812.5]), other: true as const })
const full = queryAnswer([row('/', [2n ** 60n, '12.50', 0.5, null]), row(null), rest(null)])

async function csvLines(answer = full): Promise<readonly string[]> {
  const { body } = await representQuery(answer, 'csv')
  expect(String(body).endsWith('\r\n')).toBe(true)
  return String(body).split('\r\n').slice(0, -1)
}

describe('JSON', () => {
  it('is the document of the query', async () => {
    expect((await representQuery(full, 'json')).body).toBe(queryJson(full))
  })
})

describe('NDJSON', () => {
  it('has the rows of the JSON, a line each, and then the rest of the document', async () => {
    const { results, ...others } = JSON.parse(queryJson(full))
    const { body, contentType } = await representQuery(full, 'ndjson')
    expect(contentType).toBe('application/x-ndjson; charset=utf-8')
    expect(String(body).endsWith('\n')).toBe(true)
    expect(
      String(body)
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([...results, others])
  })

  it('of a time series has a bucket a line', async () => {
    const lines = String((await representSeries(series, 'ndjson')).body)
      .trimEnd()
      .split('\n')
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { start: '2026-03-29T00:00:00+01:00', end: '2026-03-30T00:00:00+02:00', hits: 3, revenue: '-12.50' },
      { merchant: 'shop', interval: 'day', timeZone: 'Europe/Berlin', currency: 'EUR', meta },
    ])
  })

  it('is one line a row whatever line ends are in the values', async () => {
    const { body } = await representQuery(queryAnswer([row('a\r\nb\u2028c')]), 'ndjson')
    expect(String(body).split(/\r|\n/)).toHaveLength(3)
  })
})

describe('CSV', () => {
  it('has a header row, plain numbers, and nothing where there is nothing', async () => {
    expect(await csvLines()).toEqual([
      'time:day,page,hits,revenue,bounce_rate,load_p95',
      '2026-03-01T00:00:00+01:00,/,1152921504606846976,12.50,0.5,',
      '2026-03-01T00:00:00+01:00,,1,0.00,,',
      '2026-03-01T00:00:00+01:00,(other),7,-3.5,0.25,812.5',
    ])
  })

  it('has the metrics of the time compared with behind the others', async () => {
    const compared = { ...row('/'), compare: row('/', [5, '1.00', null, null]).metrics }
    const answer = queryAnswer([compared], { compare: ['2026-02-22T00:00:00+01:00', '2026-03-01T00:00:00+01:00'] })
    expect(await csvLines(answer)).toEqual([
      'time:day,page,hits,revenue,bounce_rate,load_p95,compare_hits,compare_revenue,compare_bounce_rate,compare_load_p95',
      '2026-03-01T00:00:00+01:00,/,1,0.00,,,5,1.00,,',
    ])
  })

  it.each([
    ['=cmd()', "'=cmd()"],
    ['+1', "'+1"],
    ['-1', "'-1"],
    ['@x', "'@x"],
    ['\t=1', `"'\t=1"`],
    ['\r=1', `"'\r=1"`],
    ['\n=1', `"'\n=1"`],
    ['(other)', "'(other)"],
    ['a=1', 'a=1'],
    ['a,b', '"a,b"'],
    ['a;=1', '"a;=1"'],
    ['say "x"', '"say ""x"""'],
    ['two\r\nlines', '"two\r\nlines"'],
    [' x', '" x"'],
    ['größe', 'größe'],
  ])('writes the text %j as %j', async (text, cell) => {
    const { body } = await representQuery(queryAnswer([row(text)]), 'csv')
    expect(String(body).split('+01:00,')[1]).toBe(`${cell},1,0.00,,\r\n`)
  })

  it('can be read back, and no cell of a text begins a formula', async () => {
    const texts = fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('=1', '"', ',', '\r\n', ';', '"=')))
    await fc.assert(
      fc.asyncProperty(texts, async (pages) => {
        const { body } = await representQuery(queryAnswer(pages.map((page) => row(page))), 'csv')
        const read = readCsv(String(body))
          .slice(1)
          .map((cells) => cells[1] ?? '')
        expect(read.map((cell, i) => (cell === `'${pages[i]}` ? cell.slice(1) : cell))).toEqual(pages)
        for (const cell of read) expect(cell).not.toMatch(/^[=+\-@\t\r\n]/)
      }),
    )
  })

  it('of a time series has start and end', async () => {
    expect(String((await representSeries(series, 'csv')).body)).toBe(
      'start,end,hits,revenue\r\n2026-03-29T00:00:00+01:00,2026-03-30T00:00:00+02:00,3,-12.50\r\n',
    )
  })

  it('has meta beside it, without a cursor where that is too long for a header', async () => {
    const withCursor = (length: number) => ({ ...full, meta: { ...meta, nextCursor: 'x'.repeat(length) } })
    const header = async (length: number) => (await representQuery(withCursor(length), 'csv')).meta ?? ''
    const longest = metaHeaderMaxLength - (await header(0)).length
    expect(JSON.parse(await header(longest)).nextCursor).toHaveLength(longest)
    expect(JSON.parse(await header(longest + 1))).toEqual({ ...meta, nextCursor: null })
    expect((await representQuery(full, 'json')).meta).toBeUndefined()
  })
})

describe('Arrow', () => {
  const tableOf = async (answer = full): Promise<Table> =>
    tableFromIPC((await representQuery(answer, 'arrow')).body as Uint8Array)

  it('has columns of their types, and the row beyond the cut is marked', async () => {
    const table = await tableOf()
    expect(table.schema.fields.map(({ name, type, nullable }) => `${name} ${type} ${nullable}`)).toEqual([
      'time:day Timestamp<MILLISECOND, Europe/Berlin> true',
      'page Utf8 true',
      'hits Int64 true',
      'revenue Decimal[38e+6] true',
      'bounce_rate Float64 true',
      'load_p95 Float64 true',
      'other Bool false',
    ])
    const column = (name: string) => [...(table.getChild(name) ?? [])]
    expect(column('time:day')).toEqual(Array(3).fill(Date.parse('2026-02-28T23:00:00Z')))
    expect(column('page')).toEqual(['/', null, '(other)'])
    expect(column('hits')).toEqual([2n ** 60n, 1n, 7n])
    expect(column('revenue').map((words) => micros(words as Uint32Array))).toEqual([12_500_000n, 0n, -3_500_000n])
    expect(column('bounce_rate')).toEqual([0.5, null, 0.25])
    expect(column('other')).toEqual([false, false, true])
  })

  it('has the rest of the document in its metadata', async () => {
    const { results: _, ...others } = JSON.parse(queryJson(full))
    expect(JSON.parse((await tableOf()).schema.metadata.get('hitlake') ?? '')).toEqual(others)
  })

  it('keeps its columns where there is no row', async () => {
    const table = await tableOf(queryAnswer([]))
    expect(table.numRows).toBe(0)
    expect(table.schema.fields).toHaveLength(7)
  })
})

describe('two answers', () => {
  const forms = async (answer: typeof full) => Promise.all(formatNames.map((name) => representQuery(answer, name)))
  const says = (tag: string) => tag.split('.')[0]

  it('have one tag if and only if all their bytes are equal', async () => {
    const later = { ...meta, asOf: '2026-03-07T12:00:01.000Z' }
    const cached = { ...meta, servedFrom: { ...meta.servedFrom, cache: 7, rollup: 0 } }
    const other = queryAnswer([row('/b')])
    const answers = [full, { ...full, meta: later }, { ...full, meta: cached }, other, structuredClone(full)]
    const made = (await Promise.all(answers.map(forms))).flat()
    for (const a of made) {
      for (const b of made) {
        const equal =
          Buffer.from(a.body).equals(Buffer.from(b.body)) && a.contentType === b.contentType && a.meta === b.meta
        expect(a.tag === b.tag).toBe(equal)
      }
    }
  })

  it('say the same under their tags if only asOf and the source moved', async () => {
    const moved = { ...meta, asOf: '2026-03-07T13:00:00.000Z', servedFrom: { ...meta.servedFrom, cache: 7 } }
    const tags = async (answer: typeof full) => (await forms(answer)).map(({ tag }) => says(tag))
    expect(await tags({ ...full, meta: moved })).toEqual(await tags(full))
    for (const changed of [
      { ...full, meta: { ...meta, complete: true } },
      { ...full, meta: { ...meta, stale: true as const } },
      { ...full, meta: { ...meta, nextCursor: 'x' } },
      { ...full, meta: { ...meta, generation: 2 } },
      { ...full, rows: full.rows.slice(1) },
      queryAnswer(full.rows, { limit: 5 }),
    ]) {
      for (const [at, tag] of (await tags(changed)).entries()) expect(tag).not.toBe((await tags(full))[at])
    }
  })

  it('of a time series too', async () => {
    for (const name of formatNames.filter((each): each is Exclude<FormatName, 'json'> => each !== 'json')) {
      const first = await representSeries(series, name)
      const later = await representSeries({ ...series, meta: { ...meta, asOf: '2026-03-07T12:00:01.000Z' } }, name)
      expect(later.tag).not.toBe(first.tag)
      expect(says(later.tag)).toBe(says(first.tag))
    }
  })
})

function micros(words: Uint32Array): bigint {
  const bits = [...words].reduce((sum, word, i) => sum + (BigInt(word) << BigInt(32 * i)), 0n)
  return BigInt.asIntN(128, bits)
}

/** RFC 4180, read plainly. */
function readCsv(text: string): string[][] {
  const rows: string[][] = []
  let cells: string[] = []
  let at = 0
  while (at < text.length) {
    let cell = ''
    if (text[at] === '"') {
      at += 1
      while (text[at] !== '"' || text[at + 1] === '"') {
        cell += text[at]
        at += text[at] === '"' ? 2 : 1
      }
      at += 1
    } else {
      while (text[at] !== ',' && text[at] !== '\r') {
        cell += text[at]
        at += 1
      }
    }
    cells.push(cell)
    if (text[at] === ',') at += 1
    else {
      rows.push(cells)
      cells = []
      at += 2
    }
  }
  return rows
}
