import { beforeEach, describe, expect, it } from 'vitest'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import type { MerchantId } from '../../core/ids.ts'
import type { StoredKey } from '../../core/ports/control-store.ts'
import { ProblemError } from './problem.ts'
import { createKeyQuotas, defaultKeyQuota, type KeyQuotas, quotaBurstSeconds } from './quota.ts'

const keyOf = (hash: string, quota: number | null = null): StoredKey => ({
  hash,
  merchant: 'demo' as MerchantId,
  kind: 'server',
  rights: ['write'],
  origins: [],
  quota,
  tool: null,
})

let clock: ManualClock
let quotas: KeyQuotas

beforeEach(() => {
  clock = new ManualClock()
  quotas = createKeyQuotas({ clock, perSecond: 10 })
})

/** What the key is told: that it may, or how many seconds to wait. */
function take(key: StoredKey, hits: number): 'taken' | number | undefined {
  try {
    quotas.take(key, hits)
    return 'taken'
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error
    expect([error.status, error.code]).toEqual([429, 'quota_exceeded'])
    return error.retryAfterSeconds
  }
}

describe('the quota of a key', () => {
  const key = keyOf('a')

  it('lets two seconds of hits come at once, then as many as time brings', () => {
    expect(take(key, 19)).toBe('taken')
    expect(take(key, 1)).toBe('taken')
    expect(take(key, 1)).toBe(1)
    clock.advance(99)
    expect(take(key, 1)).toBe(1)
    clock.advance(1)
    expect(take(key, 1)).toBe('taken')
    expect(take(key, 1)).toBe(1)
  })

  it('takes all hits of a request or none', () => {
    expect(take(key, 15)).toBe('taken')
    expect(take(key, 6)).toBe(1)
    expect(quotas.look(key).remaining).toBe(5)
    expect(take(key, 5)).toBe('taken')
  })

  it('says after how long the same request passes, and it does', () => {
    for (const perSecond of [1, 3, 7, 5_000]) {
      const own = keyOf(`own ${perSecond}`, perSecond)
      expect(take(own, perSecond * quotaBurstSeconds)).toBe('taken')
      const hits = perSecond + 1
      const seconds = take(own, hits)
      expect(seconds, `${perSecond}`).toBe(2)
      clock.advance(1_000)
      expect(take(own, hits)).toBe(1)
      clock.advance(1_000)
      expect(take(own, hits), `${perSecond}`).toBe('taken')
    }
  })

  it('lets a request through that is larger than it holds, and waits until that is paid', () => {
    expect(take(key, 1_000)).toBe('taken')
    expect(quotas.look(key)).toEqual({ burst: 20, remaining: 0, fullInSeconds: 100 })
    expect(take(key, 1)).toBe(99)
    clock.advance(98_000)
    expect(take(key, 1)).toBe(1)
    expect(take(key, 1_000)).toBe(2)
    clock.advance(2_000)
    expect(take(key, 1_000)).toBe('taken')
  })

  it('never holds more than its burst, however long nothing came', () => {
    take(key, 20)
    clock.advance(3_600_000)
    expect(quotas.look(key)).toEqual({ burst: 20, remaining: 20, fullInSeconds: 0 })
  })

  it('is its own where it has one, and follows a change at once', () => {
    expect(take(keyOf('b', 1), 2)).toBe('taken')
    expect(take(keyOf('b', 1), 1)).toBe(1)
    clock.advance(1_000)
    expect(quotas.look(keyOf('b', 100)).remaining).toBe(100)
    expect(quotas.look(keyOf('b', 1)).remaining).toBe(2)
    expect(createKeyQuotas({ clock }).look(key).burst).toBe(defaultKeyQuota * quotaBurstSeconds)
  })

  it('is one key’s alone', () => {
    take(key, 20)
    expect(take(key, 1)).toBe(1)
    expect(take(keyOf('b'), 20)).toBe('taken')
  })

  it('is remembered of so many keys, those used last', () => {
    quotas = createKeyQuotas({ clock, perSecond: 10, maxKeys: 2 })
    for (const name of ['a', 'b']) expect(take(keyOf(name), 20)).toBe('taken')
    expect(take(keyOf('a'), 1)).toBe(1)
    expect(take(keyOf('c'), 1)).toBe('taken')
    expect(take(keyOf('a'), 1)).toBe(1)
    expect(take(keyOf('b'), 20)).toBe('taken')
  })
})
