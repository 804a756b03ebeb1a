import { describe, expect, it } from 'vitest'
import type { MerchantId } from '../../../core/ids.ts'
import type { Erasure } from '../../../core/ports/erasure-store.ts'
import { dueDrops } from './erase-drops.ts'

const shop = 'shop' as MerchantId
const drop = { merchant: shop, day: 20_000, epoch: 1, erasuresKnown: 3 }
const erasure = (id: number, asking: number, merchant = shop) => ({ id, asking, merchant }) as Erasure
const due = (open: readonly Erasure[], settled: readonly Erasure[] = []) =>
  dueDrops([drop], { open, settled, reruns: [] }).length === 1

describe('days of dropped hits', () => {
  it('are counted again once all that their epoch knew of is settled', () => {
    expect(due([erasure(1, 3)])).toBe(false)
    expect(due([erasure(1, 2), erasure(2, 3)], [erasure(2, 3)])).toBe(false)
    expect(due([erasure(1, 3)], [erasure(1, 3)])).toBe(true)
    expect(due([])).toBe(true)
  })

  it('do not wait for erasures that their epoch did not know, nor for those of others', () => {
    expect(due([erasure(1, 4)])).toBe(true)
    expect(due([erasure(1, 2, 'tea' as MerchantId)])).toBe(true)
  })
})
