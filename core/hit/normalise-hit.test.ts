import { describe, expect, it } from 'vitest'
import { seededRandom } from '../adapters/memory/seeded-random.ts'
import { dayMs, hourMs, minuteMs, type ReceivedTime } from '../event-time.ts'
import { correctsSkew, decideTime, saneSentAtMs } from './decide-time.ts'
import type { SentHit } from './hit-schema.ts'
import { createIdMint, mintPoolBytes } from './mint-id.ts'
import { ignoresSentAt, normaliseHit, type RequestFacts } from './normalise-hit.ts'

const received = Date.parse('2026-03-01T09:00:00.000Z') as ReceivedTime
const facts: RequestFacts = {
  received,
  sentAtMs: Number.NaN,
  maxHitAgeMs: 30 * dayMs,
  mintId: () => 'minted',
  visitor: (userAgent) => `cookieless of ${userAgent ?? 'the request'}`,
}
const timeOf = (sent: Partial<SentHit>, changed: Partial<RequestFacts> = {}) => {
  const hit = normaliseHit({ name: 'x', ...sent }, { ...facts, ...changed })
  return 'code' in hit ? hit.code : hit.time - received
}

describe('event time', () => {
  it('is the time received where the hit gives none, whatever sentAt says', () => {
    expect(timeOf({})).toBe(0)
    expect(timeOf({}, { sentAtMs: received - hourMs })).toBe(0)
  })

  it('is the client’s own word, in either form', () => {
    expect(timeOf({ time: '2026-03-01T08:59:00Z' })).toBe(-minuteMs)
    expect(timeOf({ time: received - minuteMs })).toBe(-minuteMs)
  })

  it('is never later than received', () => {
    expect(timeOf({ time: received + 1 })).toBe(0)
    expect(timeOf({ time: '9999-12-31T23:59:59Z' })).toBe(0)
  })

  //  client clock 2 h fast:   time 10:59   sentAt 11:00          the hit was a minute old when it was sent
  //  received by ours:                     09:00
  it('loses the skew of the client’s clock, fast or slow', () => {
    for (const skew of [2 * hourMs, -2 * hourMs, 400 * dayMs]) {
      const sentAtMs = received + skew
      expect(timeOf({ time: sentAtMs - minuteMs }, { sentAtMs })).toBe(-minuteMs)
    }
  })

  it('may lie up to a minute behind sentAt, then sentAt is of another clock and is ignored', () => {
    const sentAtMs = received - hourMs
    expect(timeOf({ time: sentAtMs + minuteMs }, { sentAtMs })).toBe(0)
    expect(correctsSkew(sentAtMs, sentAtMs + minuteMs)).toBe(true)
    expect(timeOf({ time: sentAtMs + minuteMs + 1 }, { sentAtMs })).toBe(-hourMs + minuteMs + 1)
    expect(ignoresSentAt({ name: 'x', time: sentAtMs + minuteMs + 1 }, sentAtMs)).toBe(true)
    expect(ignoresSentAt({ name: 'x', time: sentAtMs + minuteMs }, sentAtMs)).toBe(false)
  })

  it('is not corrected by a clock that was never set', () => {
    expect(saneSentAtMs).toBe(Date.parse('2000-01-01T00:00:00Z'))
    expect(correctsSkew(saneSentAtMs, 0)).toBe(false)
    expect(correctsSkew(saneSentAtMs + 1, 0)).toBe(true)
    expect(correctsSkew(Number.NaN, 0)).toBe(false)
    expect(decideTime(received - 5, 1_000, received)).toBe(received - 5)
    expect(ignoresSentAt({ name: 'x' }, 0)).toBe(false)
  })

  it('is too old beyond the limit, judged after the correction, unless the key may import history', () => {
    const limit = 30 * dayMs
    expect(timeOf({ time: received - limit })).toBe(-limit)
    expect(timeOf({ time: received - limit - 1 })).toBe('too_old')
    expect(timeOf({ time: 0 })).toBe('too_old')
    expect(timeOf({ time: 0 }, { maxHitAgeMs: Number.POSITIVE_INFINITY })).toBe(-received)
    // A clock a year slow: old by its own word, fresh by ours. And the other way round.
    expect(timeOf({ time: received - 365 * dayMs }, { sentAtMs: received - 365 * dayMs })).toBe(0)
    expect(timeOf({ time: received }, { sentAtMs: received + 31 * dayMs })).toBe('too_old')
  })

  it('never lies before 1970, whoever sends it', () => {
    const history = { maxHitAgeMs: Number.POSITIVE_INFINITY }
    expect(timeOf({ time: -1 }, history)).toBe('too_old')
    expect(timeOf({ time: '1969-12-31T23:59:59.999Z' }, history)).toBe('too_old')
    expect(timeOf({ time: 5 }, { ...history, sentAtMs: 2 * received })).toBe('too_old')
  })
})

describe('a hit that is kept', () => {
  it('has every field decided: absent ones null or empty, id and visitor made', () => {
    expect(normaliseHit({ name: 'page_view' }, facts)).toEqual({
      id: 'minted',
      name: 'page_view',
      time: received,
      visitor: 'cookieless of the request',
      session: null,
      user: null,
      url: null,
      referrer: null,
      title: null,
      revenue: null,
      items: [],
      props: {},
      context: null,
    })
  })

  it('has what the merchant sent unchanged, money as exact micros', () => {
    const sent: SentHit = {
      id: 'a',
      name: 'purchase',
      time: received - 5,
      visitor: 'v',
      session: 's',
      user: 'u',
      url: '/x',
      referrer: '',
      title: 'T\n',
      revenue: { amount: 0.1 * 3, currency: 'EUR' },
      items: [{ id: 'i', name: 'n', quantity: -0, price: '19.99' }, {}],
      props: { a: 1, b: null },
      context: {
        userAgent: 'ua',
        language: 'de',
        screen: '1x1',
        timeZone: 'UTC',
        campaign: { source: 's', medium: 'm', name: 'n', term: 't', content: 'c' },
      },
    }
    expect(normaliseHit(sent, facts)).toEqual({
      ...sent,
      revenue: { micros: 300_000n, currency: 'EUR' },
      items: [
        { id: 'i', name: 'n', quantity: -0, priceMicros: 19_990_000n },
        { id: null, name: null, quantity: null, priceMicros: null },
      ],
    })
  })

  it('has a visitor of its own user agent where it names one', () => {
    const hit = normaliseHit({ name: 'x', context: { userAgent: 'Firefox', campaign: {} } }, facts)
    expect(hit).toMatchObject({
      visitor: 'cookieless of Firefox',
      context: {
        userAgent: 'Firefox',
        language: null,
        screen: null,
        timeZone: null,
        campaign: { source: null, medium: null, name: null, term: null, content: null },
      },
    })
  })
})

describe('minted ids', () => {
  it('are new every time, also across draws of randomness, and fit the rule for ids', () => {
    const random = seededRandom(1)
    const draws: number[] = []
    const mint = createIdMint({
      bytes(count) {
        draws.push(count)
        return random.bytes(count)
      },
    })
    const ids = Array.from({ length: 1_000 }, mint)
    expect(new Set(ids).size).toBe(1_000)
    for (const id of ids) expect(id).toMatch(/^[\w-]{22}$/)
    expect(draws).toEqual(Array(4).fill(mintPoolBytes))
  })
})
