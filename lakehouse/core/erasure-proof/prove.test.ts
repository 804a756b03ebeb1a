import { describe, expect, it } from 'vitest'
import type { MerchantId } from '../../../core/ids.ts'
import { kindOf } from './places.ts'
import type { ParquetSearch, SearchedFiles } from './ports.ts'
import { decodedMaxBytes, listRoundsMax, type ProofParts, pieceBytes, proveErased } from './prove.ts'
import { createNeedle, type ErasedQuestion, wordMinBytes } from './question.ts'
import { verdictOf } from './report.ts'

const visitor = 'visitor-0123456789-abcdef'
const question: ErasedQuestion = {
  ...{ merchant: 'shop' as MerchantId, subject: { kind: 'visitor', value: visitor }, through: 1_000 },
  visitorHash: 0x0102030405060708n,
}

/** Files of a map; `onList` is called before each list. */
function filesOf(map: Map<string, Buffer>, onList: () => void = () => undefined): SearchedFiles {
  return {
    async list() {
      onList()
      return [...map.keys()]
    },
    size: async (name) => map.get(name)?.length,
    getRange: async (name, at, length) => map.get(name)?.subarray(at, at + length),
    localPath: async (name) => name,
    forgetLocal: async () => undefined,
  }
}

const noRows: ParquetSearch = {
  laterHours: async () => [],
  search: async () => ({ finds: [], explainedRows: 0 }),
  hasOtherValue: async () => false,
}

function prove(map: Map<string, Buffer>, change: Partial<ProofParts> = {}) {
  return proveErased({
    files: filesOf(map),
    parquet: noRows,
    records: { search: async () => ({ name: 'store', tables: 1, bytes: 1, finds: [] }) },
    question,
    isControlStore: () => false,
    ...change,
  })
}

describe('a search', () => {
  it('looks into what appears meanwhile, until nothing new does', async () => {
    const map = new Map([['a', Buffer.from('x')]])
    let lists = 0
    const files = filesOf(map, () => {
      lists += 1
      if (lists === 2) map.set('moved/b', Buffer.from(visitor))
    })
    expect((await prove(map, { files })).finds).toMatchObject([{ object: 'moved/b', where: 'byte 0' }])
    expect(lists).toBe(3)
  })

  it(`says what is new after ${listRoundsMax} rounds was not read`, async () => {
    const map = new Map<string, Buffer>()
    const files = filesOf(map, () => map.set(String(map.size), Buffer.from('x')))
    const proof = await prove(map, { files })
    expect(proof.unread).toEqual([{ object: String(listRoundsMax), why: expect.stringContaining('search again') }])
    expect(proof.places).toContainEqual({ kind: 'other file', objects: listRoundsMax, bytes: listRoundsMax })
    expect(verdictOf(proof)).toBe('not all read')
  })

  it('takes what is gone before it is read for gone, and what cannot be read for unread', async () => {
    const map = new Map([['staged/x.parquet', Buffer.from('x')]])
    const search = async () => {
      throw new Error('No magic bytes\nand more')
    }
    expect((await prove(map, { parquet: { ...noRows, search } })).unread).toEqual([
      { object: 'staged/x.parquet', why: 'No magic bytes' },
    ])
    const gone = async () => {
      map.clear()
      throw new Error('No such file')
    }
    expect(await prove(map, { parquet: { ...noRows, search: gone } })).toMatchObject({ finds: [], unread: [] })
  })

  it('finds a value across the border of what is read at once', async () => {
    for (const at of [pieceBytes - visitor.length, pieceBytes - 5, pieceBytes, 2 * pieceBytes - 1]) {
      const bytes = Buffer.alloc(2 * pieceBytes + 100)
      bytes.write(visitor, at)
      expect((await prove(new Map([['x', bytes]]))).finds).toMatchObject([{ where: `byte ${at}` }])
    }
  })

  it('decodes objects up to its limit, and says so of larger ones', async () => {
    const sizes = new Map([['checkpoints/hits/0/x.avro', decodedMaxBytes + 1]])
    const files: SearchedFiles = {
      ...filesOf(new Map()),
      list: async () => [...sizes.keys()],
      size: async (name) => sizes.get(name),
    }
    expect((await prove(new Map(), { files })).unread).toMatchObject([
      { why: expect.stringContaining(String(decodedMaxBytes)) },
    ])
    // At the limit it is read, and only then found not to be there.
    sizes.set('checkpoints/hits/0/x.avro', decodedMaxBytes)
    expect((await prove(new Map(), { files })).unread).toMatchObject([{ why: 'it is gone' }])
  })

  it('says of a control store that does not answer that it was not read', async () => {
    const search = async () => {
      throw new Error('refused')
    }
    expect((await prove(new Map(), { records: { search } })).unread).toEqual([
      { object: 'control store', why: 'refused' },
    ])
  })
})

describe('the value looked for', () => {
  const needleOf = (value: string) => createNeedle({ ...question, subject: { kind: 'user', value }, visitorHash: null })

  it(`is looked for inside bytes and texts from ${wordMinBytes} bytes on`, () => {
    expect(needleOf('abcdef').inText('xabcdefx')).toBe(true)
    expect(needleOf('abcdef').looksIntoBytes).toBe(true)
    expect(needleOf('abcde').inText('xabcdex')).toBe(false)
    expect(needleOf('abcde').looksIntoBytes).toBe(false)
    // Bytes count, not letters.
    expect(needleOf('äöü').looksIntoBytes).toBe(true)
  })

  it('when short is found whole, and as a string in JSON, in JSON within JSON too', () => {
    const { inText } = needleOf('v7')
    const json = JSON.stringify({ uid: 'v7' })
    for (const text of ['v7', json, JSON.stringify({ body: json })]) expect(inText(text), text).toBe(true)
    for (const text of ['v77', 'level v7', JSON.stringify({ uid: 'v77' })]) expect(inText(text), text).toBe(false)
  })

  it('is found as JSON escapes it', () => {
    const { inText, inBytes } = needleOf('ada "the first"\n')
    expect(inText(JSON.stringify({ user: 'ada "the first"\n' }))).toBe(true)
    expect(inBytes(Buffer.from(`.${JSON.stringify('ada "the first"\n')}`))).toBe(2)
  })

  it('is a bound whole, cut to 16 code points, cut and raised, or as its hash', () => {
    const { asBound } = createNeedle(question)
    expect(asBound(Buffer.from(visitor))).toBe('exact')
    expect(asBound(Buffer.from('visitor-01234567'))).toBe('cut')
    expect(asBound(Buffer.from('visitor-01234568'))).toBe('cut')
    expect(asBound(Buffer.from('0807060504030201', 'hex'))).toBe('exact')
    for (const other of ['visitor-0123456', 'visitor-0123456x', 'visitor'])
      expect(asBound(Buffer.from(other))).toBeNull()
  })
})

it.each([
  ['lake/hits/data/_gen=1/time_day=2026-03-01/p00000000001-aa.parquet', 'data file'],
  ['s3://lake/wh/s/hits-0123/data/time_day=2026-03-01/x.parquet', 'data file'],
  ['publications/hits/1-aa/data/_gen=1/time_day=2026-03-01/p.parquet', 'data file'],
  ['publications/hits/1-aa/metadata/v1.metadata.json', 'table metadata'],
  ['s3://lake/wh/s/hits-0123/metadata/00001-aa.gz.metadata.json', 'table metadata'],
  ['lake/hits/metadata/snap-1-aa.avro', 'manifest list'],
  ['lake/hits/metadata/m-aa.avro', 'manifest'],
  ['lake/hits/metadata/version-hint.text', 'other file of the lake'],
  ['s3://lake/wh/s/hits-0123/metadata/1.stats', 'other file of the lake'],
  ['staged/hits/x.parquet', 'staged file'],
  ['log/00000000000000000000.log', 'log segment'],
  ['state/hits/0/dedupe/000000000000-aa', 'dedupe state'],
  ['journal/epochs/hits/2026-03-01/x.json.gz', 'journal entry'],
  ['keys.json', 'other file'],
] as const)('%s is a %s', (object, kind) => {
  expect(kindOf(object)).toBe(kind)
})
