/** What is erased is dropped on its way, once it is known to be, and whatever the feed brings again. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hourMs, type ReceivedTime } from '../../core/event-time.ts'
import type { MerchantId } from '../../core/ids.ts'
import type { ErasureSubject } from '../../core/ports/erasure-store.ts'
import { batch, createWorld, drain, hit, morning, push, rowsOf, shop, type World } from './support/world.ts'

const other = 'other' as MerchantId
const received = (later: number) => (morning + later) as ReceivedTime

async function erase(world: World, subject: ErasureSubject, through = 0): Promise<void> {
  await world.store.eraseHits({ merchant: shop, subject, through: morning + through, by: 'a test', now: morning })
}

async function idsOf(world: World, table: 'hits' | 'failed_hits' = 'hits') {
  return (await rowsOf(world, table)).map(({ merchant, id }) => `${merchant}/${id}`).sort()
}

async function books(world: World, merchant: MerchantId = shop) {
  const range = { from: morning - (morning % hourMs), to: morning + 24 * hourMs }
  const { accepted: _, acceptedThrough, positions, ...counts } = await world.store.books({ merchant, ...range })
  return counts
}

const v1: ErasureSubject = { kind: 'visitor', value: 'v1' }

describe('a hit of an erased visitor', () => {
  it('received at the moment of the erasure is dropped by the rule `erased`, one received a millisecond later is not', async () => {
    const world = await createWorld({ merchants: [other] })
    await erase(world, v1)
    push(world, [
      batch([hit({ id: 'at' }), hit({ id: 'of another', visitor: 'v2' })]),
      batch([hit({ id: 'after' })], { received: received(1) }),
      batch([hit({ id: 'elsewhere' })], { merchant: other }),
    ])
    await drain(world)
    expect(await idsOf(world)).toEqual(['other/elsewhere', 'shop/after', 'shop/of another'])
    expect(await books(world)).toEqual({ stored: 2, duplicates: 0, failed: 0, dropped: { erased: 1 } })
    const hourly = (await rowsOf(world, 'hourly')).filter(
      ({ breakdown, merchant }) => breakdown === 'total' && merchant === shop,
    )
    expect(hourly.reduce((sum, { hits }) => sum + Number(hits), 0)).toBe(2)
  })

  it('is dropped before any step that could refuse it, and once where it came twice', async () => {
    const world = await createWorld()
    await erase(world, v1)
    push(world, [batch([hit({ id: 'a', name: 'secret' }), hit({ id: 'a' })])])
    await drain(world)
    expect(await idsOf(world, 'failed_hits')).toEqual([])
    expect(await books(world)).toEqual({ stored: 0, duplicates: 1, failed: 0, dropped: { erased: 1 } })
  })

  it('is dropped also where the erasure was done long since: a feed may be read again', async () => {
    const world = await createWorld()
    await erase(world, { kind: 'merchant' })
    await world.store.moveErasure(1, { from: 'asked', to: 'removed', through: morning, now: morning })
    push(world, [batch([hit({ id: 'a' })]), batch([hit({ id: 'b' })], { received: received(1) })])
    await drain(world)
    expect(await idsOf(world)).toEqual(['shop/b'])
  })

  it('that is refused leaves its visitor and user in columns, where erasures find them', async () => {
    const world = await createWorld()
    push(world, [batch([hit({ id: 'a', name: 'secret', user: 'u1' })])])
    await drain(world)
    expect(await rowsOf(world, 'failed_hits')).toMatchObject([{ id: 'a', visitor: 'v1', user: 'u1' }])
  })

  it('is stored or dropped as the moments say, whoever it is of', async () => {
    const subject = fc.constantFrom<ErasureSubject>(
      v1,
      { kind: 'visitor', value: 'v2' },
      { kind: 'user', value: 'u1' },
      { kind: 'merchant' },
    )
    const drawn = fc.record({
      visitor: fc.constantFrom('v1', 'v2', 'v3'),
      user: fc.constantFrom('u1', null),
      at: fc.integer({ min: 0, max: 3 }),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.tuple(subject, fc.integer({ min: 0, max: 3 })), {
          selector: ([each]) => JSON.stringify(each),
        }),
        fc.array(drawn, { minLength: 1, maxLength: 12 }),
        async (erasures, hits) => {
          const world = await createWorld()
          for (const [each, through] of erasures) await erase(world, each, through)
          push(
            world,
            hits.map(({ at, ...who }, i) => batch([hit({ ...who, id: `h${i}` })], { received: received(at) })),
          )
          await drain(world)
          const left = hits.flatMap(({ visitor, user, at }, i) => {
            const isErased = erasures.some(([each, through]) => {
              if (at > through) return false
              return each.kind === 'merchant' || each.value === (each.kind === 'visitor' ? visitor : user)
            })
            return isErased ? [] : [`shop/h${i}`]
          })
          expect(await idsOf(world)).toEqual(left.sort())
          const counts = await books(world)
          expect(counts.stored + (counts.dropped.erased ?? 0)).toBe(hits.length)
        },
      ),
      { numRuns: 30 },
    )
  })
})
