import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { MemoryDisk } from '../../core/adapters/memory/memory-disk.ts'
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import { LogUnavailableError } from '../../core/errors.ts'
import { dayMs, hourMs, minuteMs, type ReceivedTime } from '../../core/event-time.ts'
import { hitLimits } from '../../core/hit/limits.ts'
import { anySentHit, goodSentHit } from '../../core/hit/sent-hit-under-test.ts'
import type { HitBatch } from '../../core/hit.ts'
import type { MerchantId, Offset } from '../../core/ids.ts'
import { openLogReader } from '../../core/log/log-reader.ts'
import { openSegmentLog } from '../../core/log/segment-log.ts'
import type { KeyHolder } from '../../core/ports/control-store.ts'
import type { HitLog } from '../../core/ports/hit-log.ts'
import { createMemoryControlStore } from '../../lakehouse/adapters/memory/memory-control-store.ts'
import { decodeHitBatch } from '../../schemas/avro/hit-batch.ts'
import { type Collector, type CollectorOptions, createCollector } from './accept-hits.ts'
import { ProblemError } from './problem.ts'
import { bodyMaxDepth, requestMaxHits } from './sent-batch.ts'
import { createVisitorSalts } from './visitor-salt.ts'

const noon = Date.parse('2026-03-01T12:00:00Z')
const merchant = {
  id: 'demo' as MerchantId,
  name: 'Demo',
  timeZone: 'Asia/Kathmandu',
  currency: 'NPR',
  blockedNames: [],
  visitorSeed: '00',
  retentionDays: null,
}
const holder: KeyHolder = {
  key: { hash: '', merchant: merchant.id, kind: 'browser', rights: ['write'], origins: [], quota: null, tool: null },
  merchant,
}
const importer: KeyHolder = { ...holder, key: { ...holder.key, kind: 'server', rights: ['write', 'historical'] } }
const page = { name: 'page_view', visitor: 'v' }

let clock: ManualClock
let disk: MemoryDisk
let log: HitLog
let storeState: 'here' | 'away'
let collector: Collector
const counted: [string, string | number, number?][] = []

beforeEach(async () => {
  clock = new ManualClock(noon)
  disk = new MemoryDisk()
  log = await openSegmentLog({ disk, folder: 'log', timers: clock, random: seededRandom(1) })
  storeState = 'here'
  counted.length = 0
  collector = make()
})

function make(changed: Partial<CollectorOptions> = {}): Collector {
  const store = createMemoryControlStore()
  const salts = createVisitorSalts({
    clock,
    timers: clock,
    random: seededRandom(2),
    store: {
      async dailySecrets(...call) {
        if (storeState === 'away') throw new Error('the store is away')
        return store.dailySecrets(...call)
      },
    },
  })
  return createCollector({
    clock,
    random: seededRandom(3),
    log,
    salts,
    metrics: {
      onAccepted: (hits) => counted.push(['accepted', hits]),
      onRefused: (code, hits) => counted.push(['refused', code, hits]),
      onSentAtIgnored: (hits) => counted.push(['sentAt ignored', hits]),
    },
    ...changed,
  })
}

const request = (body: unknown) => ({ body, holder, address: '203.0.113.7', userAgent: 'Firefox', language: 'de' })
const accept = (body: unknown, changed: object = {}) => collector.accept({ ...request(body), ...changed })

async function stored(): Promise<HitBatch[]> {
  const reader = await openLogReader({ disk, folder: 'log', id: log.id, from: 0 as Offset, durable: () => log.durable })
  const batches: HitBatch[] = []
  for (let records = await reader.read(1e6); records.length > 0; records = await reader.read(1e6)) {
    for (const { payload } of records) batches.push(decodeHitBatch(payload))
  }
  await reader.close()
  return batches
}
const storedHits = async () => (await stored()).flatMap((batch) => batch.hits)

async function problem(body: unknown, changed: object = {}): Promise<{ status: number; code: string }> {
  const error = await accept(body, changed).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(ProblemError)
  const { status, code } = error as ProblemError
  return { status, code }
}

describe('an accepted request', () => {
  it('is one durable record: the hits and what the collector knew of the request', async () => {
    expect(await accept([page, { ...page, id: 'mine' }])).toEqual({
      status: 202,
      accepted: 2,
      rejected: [],
      durability: 'disk',
    })
    expect(log.durable).toBe(1)
    const [batch] = await stored()
    expect(batch).toMatchObject({
      merchant: 'demo',
      zone: 'Asia/Kathmandu',
      currency: 'NPR',
      received: noon,
      addressPrefix: '203.0.113.0/24',
      requestUserAgent: 'Firefox',
      requestLanguage: 'de',
      keyKind: 'browser',
    })
    expect(batch?.hits.map(({ id, name, time }) => [id, name, time])).toEqual([
      [expect.stringMatching(/^[\w-]{22}$/), 'page_view', noon],
      ['mine', 'page_view', noon],
    ])
    expect(counted).toEqual([['accepted', 2]])
  })

  it('is answered only once the record is on disk', async () => {
    let answered = false
    const answer = accept(page).then(() => {
      answered = true
    })
    expect(log.next).toBe(1)
    expect([log.durable, answered]).toEqual([0, false])
    await answer
    expect([log.durable, answered]).toEqual([1, true])
  })

  it('promises what is known of its record once it is on disk', async () => {
    const asked: [Offset, Offset][] = []
    collector = make({
      confirm: async (offset) => {
        asked.push([offset, log.durable])
        return 'kafka'
      },
    })
    expect(await accept(page)).toMatchObject({ status: 202, durability: 'kafka' })
    expect(await accept([]).catch((error: ProblemError) => error.code)).toBe('no_hits')
    expect(await accept([5])).toMatchObject({ status: 400, durability: 'disk' })
    expect(asked).toEqual([[0, 1]])
  })

  it('is never received before a time that was named, though the clock is set back', async () => {
    clock.advance(5_000)
    const named = collector.receivedNow()
    expect(named).toBe(noon + 5_000)
    clock.setNow(noon)
    expect(collector.receivedNow()).toBe(named)
    await accept(page)
    expect((await stored())[0]?.received).toBe(named)
  })

  it('may be one hit, an array, or hits with sentAt', async () => {
    for (const body of [
      page,
      [page],
      { hits: [page] },
      { hits: [page], sentAt: noon },
      { sentAt: null, hits: [page] },
    ]) {
      expect((await accept(body)).status).toBe(202)
    }
    expect(await storedHits()).toHaveLength(5)
  })

  it('keeps the good hits of a batch, in their order, and says of each other what is wrong with it', async () => {
    const fat = {
      ...page,
      id: 'fat',
      props: Object.fromEntries(Array.from({ length: 40 }, (_, i) => [i, 'ü'.repeat(1_000)])),
    }
    const body = [
      { ...page, id: 'a' },
      { id: 'nameless' },
      fat,
      { ...page, id: 'b' },
      { ...page, id: 'old', time: 0 },
      5,
      { ...page, id: 'c' },
      { ...page, revenue: { amount: 'x', currency: 'EUR' } },
    ]
    expect(await accept(body)).toEqual({
      durability: 'disk',
      status: 202,
      accepted: 3,
      rejected: [
        { index: 1, code: 'bad_field', pointer: '/name', message: expect.any(String) },
        { index: 2, code: 'hit_too_large', pointer: '', message: expect.any(String) },
        { index: 4, code: 'too_old', pointer: '/time', message: expect.any(String) },
        { index: 5, code: 'bad_field', pointer: '', message: expect.any(String) },
        { index: 7, code: 'bad_amount', pointer: '/revenue/amount', message: expect.any(String) },
      ],
    })
    expect((await storedHits()).map(({ id }) => id)).toEqual(['a', 'b', 'c'])
    expect(counted).toEqual([
      ['refused', 'bad_field', 2],
      ['refused', 'hit_too_large', 1],
      ['refused', 'too_old', 1],
      ['refused', 'bad_amount', 1],
      ['accepted', 3],
    ])
  })

  it('with nothing to keep is 400 with the same reasons, and leaves no record', async () => {
    expect(await accept([{}, { ...page, time: 0 }])).toMatchObject({
      status: 400,
      accepted: 0,
      rejected: [{ index: 0 }, { index: 1, code: 'too_old' }],
    })
    expect(log.next).toBe(0)
  })

  it('is noted in the ledger with its place, after it is durable', async () => {
    const notes: unknown[] = []
    collector = make({
      ledger: { note: (...note) => notes.push([...note, log.durable]) },
    })
    await Promise.all([accept(page), accept([page, {}, page])])
    expect(notes).toEqual([
      [0, 'demo', noon, 1, 2],
      [1, 'demo', noon, 2, 2],
    ])
  })

  it('has headers cut to what is kept, and none that a hit could not hold', async () => {
    await accept(page, { userAgent: 'x'.repeat(2_000), language: 'y'.repeat(2_000), address: null })
    await accept(page, { userAgent: `${'x'.repeat(511)}😀`, language: 'a\0b' })
    await accept(page, { userAgent: undefined, language: undefined, address: 'nonsense' })
    expect(
      (await stored()).map((batch) => [batch.requestUserAgent, batch.requestLanguage, batch.addressPrefix]),
    ).toEqual([
      ['x'.repeat(512), 'y'.repeat(128), null],
      [`${'x'.repeat(511)}\ufffd`, null, '203.0.113.0/24'],
      [null, null, null],
    ])
  })
})

describe('received', () => {
  it('never runs back in one log, though the clock does and though requests overlap', async () => {
    const answers = [accept(page)]
    for (const now of [noon + 5, noon - hourMs, noon + 3, noon + 6]) {
      clock.setNow(now)
      answers.push(accept(page))
      // A cookieless hit waits for its day's secret and is overtaken; the order stays that of the log.
      answers.push(accept({ name: 'x' }))
    }
    await Promise.all(answers)
    const times = (await stored()).map(({ received }) => received)
    expect(times).toHaveLength(9)
    expect(times).toEqual([...times].sort((a, b) => a - b))
    expect(times.at(-1)).toBe(noon + 6)
  })

  it('is not before the last record of the log a restarted collector goes on with', async () => {
    collector = make({ notBefore: (noon + hourMs) as ReceivedTime })
    await accept(page)
    expect((await stored()).map(({ received }) => received)).toEqual([noon + hourMs])
  })
})

describe('event time', () => {
  const timeOf = async (time: number, sentAt?: unknown, changed: object = {}) => {
    const reply = await accept({ hits: [{ ...page, time }], ...(sentAt !== undefined && { sentAt }) }, changed)
    return reply.rejected[0]?.code ?? ((await storedHits()).at(-1)?.time ?? 0) - noon
  }

  it('is corrected by sentAt in either form, and kept where sentAt is nonsense', async () => {
    const fast = noon + 2 * hourMs
    expect(await timeOf(fast - minuteMs, fast)).toBe(-minuteMs)
    expect(await timeOf(fast - minuteMs, new Date(fast).toISOString())).toBe(-minuteMs)
    counted.length = 0
    for (const sentAt of ['yesterday', {}, true, null, 5, fast - 2 * minuteMs - 1]) {
      expect(await timeOf(fast - minuteMs, sentAt)).toBe(0)
    }
    expect(counted.filter(([what]) => what === 'sentAt ignored')).toEqual(Array(6).fill(['sentAt ignored', 1]))
  })

  it('ignores nothing where no hit gives a time, or no sentAt came', async () => {
    await accept({ hits: [page, page], sentAt: 'nonsense' })
    await accept([{ ...page, time: noon }])
    expect(counted.filter(([what]) => what === 'sentAt ignored')).toEqual([])
  })

  it('may be of any age for a key with the right historical', async () => {
    expect(await timeOf(noon - 30 * dayMs)).toBe(-30 * dayMs)
    expect(await timeOf(noon - 30 * dayMs - 1)).toBe('too_old')
    expect(await timeOf(0, undefined, { holder: importer })).toBe(-noon)
    collector = make({ limits: { maxHitAgeMs: dayMs } })
    expect(await timeOf(noon - dayMs - 1)).toBe('too_old')
  })
})

describe('a request that is only validated', () => {
  it('is told what would become of each hit, and is counted nowhere', () => {
    const body = [page, {}, { name: 'cookieless' }, { ...page, time: 0 }]
    expect(collector.validate(request(body))).toEqual({
      accepted: 2,
      rejected: [
        { index: 1, code: 'bad_field', pointer: '/name', message: expect.any(String) },
        { index: 3, code: 'too_old', pointer: '/time', message: expect.any(String) },
      ],
    })
    expect(counted).toEqual([])
    expect(log.next).toBe(0)
  })

  it('leaves nothing in the batch after it', async () => {
    collector.validate(request([{ ...page, id: 'validated' }]))
    await accept({ ...page, id: 'sent' })
    expect((await storedHits()).map(({ id }) => id)).toEqual(['sent'])
  })
})

describe('cookieless visitors', () => {
  it('are one per network and user agent, the hit’s own before the request’s', async () => {
    await accept([
      { name: 'x' },
      { name: 'x' },
      { name: 'x', context: { userAgent: 'Chrome' } },
      { name: 'x', context: { userAgent: 'Firefox' } },
      { name: 'x', context: {} },
    ])
    await accept({ name: 'x' }, { address: '203.0.113.200' })
    await accept({ name: 'x' }, { address: '203.0.114.7' })
    const [first, second, chrome, firefox, bare, sameNetwork, otherNetwork] = (await storedHits()).map(
      ({ visitor }) => visitor,
    )
    expect([second, firefox, bare, sameNetwork]).toEqual([first, first, first, first])
    expect(new Set([first, chrome, otherNetwork]).size).toBe(3)
  })

  it('need the store only for a day’s secret that is not known yet', async () => {
    storeState = 'away'
    expect(await problem({ name: 'x' })).toEqual({ status: 503, code: 'not_ready' })
    expect(log.next).toBe(0)
    expect((await accept(page)).status).toBe(202)
    storeState = 'here'
    expect((await accept({ name: 'x' })).status).toBe(202)
    storeState = 'away'
    clock.advance(dayMs)
    expect((await accept({ name: 'x' })).status).toBe(202)
  })
})

describe('a request that is refused as a whole', () => {
  const deep = (levels: number) => JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`)

  it.each<[string, unknown, number, string]>([
    ['no hit in an array', [], 400, 'no_hits'],
    ['no hit in hits', { hits: [] }, 400, 'no_hits'],
    ['hits that are no array', { hits: page }, 400, 'bad_query'],
    ['something beside hits and sentAt', { hits: [page], sendAt: 1 }, 400, 'bad_query'],
    ['a body of 65 levels', deep(bodyMaxDepth + 1), 400, 'too_deep'],
    ['a hit that takes the body to 65', [page, { ...page, props: { a: deep(bodyMaxDepth - 2) } }], 400, 'too_deep'],
    ['a wrapped hit that takes it to 65', { hits: [{ ...page, props: { a: deep(61) } }] }, 400, 'too_deep'],
    ['a sentAt that does', { hits: [page], sentAt: deep(bodyMaxDepth) }, 400, 'too_deep'],
    ['1,001 hits', Array(requestMaxHits + 1).fill(page), 413, 'too_many_hits'],
  ])('for %s says so and stores nothing', async (_name, body, status, code) => {
    expect(await problem(body)).toEqual({ status, code })
    expect(log.next).toBe(0)
  })

  it('is not yet refused at the limits themselves', async () => {
    expect((await accept(Array(requestMaxHits).fill(page))).accepted).toBe(requestMaxHits)
    expect((await accept(deep(bodyMaxDepth))).rejected).toMatchObject([{ code: 'too_deep' }])
    const hits = [page, { ...page, props: { a: deep(60) } }]
    expect((await accept({ hits })).rejected).toMatchObject([{ index: 1, code: 'too_deep' }])
    expect((await accept({ hits: [page], sentAt: deep(bodyMaxDepth - 1) })).status).toBe(202)
  })

  it('is refused for a key of no merchant', async () => {
    expect(await problem(page, { holder: { ...holder, merchant: null } })).toEqual({ status: 403, code: 'forbidden' })
  })

  it('is told that the log takes nothing, when it does not', async () => {
    await log.close()
    await expect(accept(page)).rejects.toBeInstanceOf(LogUnavailableError)
    expect(counted).toEqual([])
  })
})

describe('the size of a hit', () => {
  // Found by growing a property until the hit is refused: the limit is on its Avro form, whatever is in it.
  it('may be 32 KB in Avro and not a byte more', async () => {
    const props = Object.fromEntries(Array.from({ length: 31 }, (_, i) => [`key-${i}`, 'x'.repeat(1_024)]))
    const sized = (length: number) => ({ ...page, id: 'i', props: { ...props, rest: 'x'.repeat(length) } })
    const accepted = async (length: number) => (await accept(sized(length))).accepted === 1
    let fits = 0
    while (await accepted(fits + 1)) fits++
    expect(fits).toBeGreaterThan(64)
    expect((await accept(sized(fits + 1))).rejected).toMatchObject([{ code: 'hit_too_large', pointer: '' }])
    const small = await sizeOf(sized(0))
    // One byte more: from 64 on a length takes two.
    expect(small + fits + 1).toBe(hitLimits.bytes)
  })

  async function sizeOf(hit: object): Promise<number> {
    const before = log.bytes
    await accept([hit, hit])
    const two = log.bytes - before
    await accept([hit, hit, hit])
    return log.bytes - before - two - two
  }
})

describe('what is known of the strings of a body', () => {
  it('is believed, for it was told by the bytes; without it every string is looked at', async () => {
    const lines = { ...page, name: 'a\nb' }
    expect((await accept(lines)).status).toBe(400)
    expect((await accept(lines, { text: 'whole' })).status).toBe(400)
    expect((await accept(lines, { text: 'plain' })).status).toBe(202)
  })
})

describe('whatever JSON comes', () => {
  const body = fc.oneof(
    fc.jsonValue(),
    anySentHit,
    fc.array(anySentHit, { maxLength: 4 }),
    fc.record({ hits: fc.oneof(fc.array(anySentHit, { maxLength: 4 }), fc.jsonValue()), sentAt: fc.jsonValue() }),
    fc.array(goodSentHit, { maxLength: 3 }),
  )

  it('is answered or refused with a typed error, and what is accepted is in the log', async () => {
    let accepted = 0
    await fc.assert(
      fc.asyncProperty(body, async (any) => {
        try {
          const reply = await accept(any, { holder: importer })
          accepted += reply.accepted
          const sent = Array.isArray(any) ? any.length : Array.isArray(hitsOf(any)) ? hitsOf(any).length : 1
          expect(reply.accepted + reply.rejected.length).toBe(sent)
          expect(reply.status).toBe(reply.accepted > 0 ? 202 : 400)
        } catch (error) {
          if (!(error instanceof ProblemError) || error.status >= 500) throw error
        }
      }),
      { numRuns: 1_500 },
    )
    expect(await storedHits()).toHaveLength(accepted)
    expect(accepted).toBeGreaterThan(200)
  })

  const hitsOf = (any: unknown) => (Object(any) as { hits: unknown[] }).hits
})
