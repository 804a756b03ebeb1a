import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import type { MerchantId } from '../../core/ids.ts'
import type { Merchant } from '../../core/ports/control-store.ts'
import { createMemoryControlStore } from '../../lakehouse/adapters/memory/memory-control-store.ts'
import type { AcceptRequest } from './accept-hits.ts'
import { createImports, importMaxLines, repeatsKnownMs } from './imports.ts'

const merchant: Merchant = {
  id: 'shop' as MerchantId,
  name: 'Shop',
  timeZone: 'UTC',
  currency: 'EUR',
  blockedNames: [],
  visitorSeed: '00000000000000ff',
  retentionDays: null,
}
const file = 'ab'.repeat(32)
const start = Date.parse('2026-03-01T12:00:00Z')
const line = (number: number, address = '203.0.113.7') => ({
  line: number,
  address,
  hit: { name: 'page_view', time: start - 1_000 + number, context: { userAgent: 'agent' } },
})

function world() {
  const clock = new ManualClock(start)
  const store = createMemoryControlStore()
  /** Ids in the order they were taken, and those the lake holds. */
  const taken: { id: string; visitor: string; address: string | null }[] = []
  const lake = new Set<string>()
  let failing: 'no' | 'before' | 'after' = 'no'
  const collector = {
    async accept(request: AcceptRequest) {
      if (failing === 'before') throw new Error('died')
      const { hits } = request.body as { hits: { id: string; visitor: string; bad?: true }[] }
      const good = hits.filter((hit) => !hit.bad)
      for (const { id, visitor } of good) taken.push({ id, visitor, address: request.address })
      if (failing === 'after') throw new Error('died')
      const rejected = hits.flatMap((hit, index) =>
        hit.bad ? [{ index, code: 'unknown_field' as const, pointer: '/bad', message: 'no such field' }] : [],
      )
      return { status: 202 as const, accepted: good.length, rejected, durability: 'disk' as const }
    },
  }
  const engine = { knownIds: async ({ ids }: { ids: readonly string[] }) => ids.filter((id) => lake.has(id)) }
  return {
    clock,
    taken,
    lake,
    imports: () => createImports({ store, collector, engine, clock }),
    fail: (how: typeof failing) => {
      failing = how
    },
  }
}

describe('an import', () => {
  it('takes each line once: what is done is not taken again, and the answer says where to go on', async () => {
    const { imports, taken } = world()
    const all = imports()
    expect(await all.store(merchant, file, { from: 0, to: 3, lines: [line(0), line(2)] })).toEqual({
      done: 3,
      accepted: 2,
      rejected: [],
    })
    await expect(all.store(merchant, file, { from: 0, to: 3, lines: [line(0)] })).rejects.toMatchObject({
      code: 'import_out_of_order',
      extra: { done: 3 },
    })
    expect(taken.map(({ id }) => id)).toEqual([`${file.slice(0, 32)}-0`, `${file.slice(0, 32)}-2`])
    expect((await all.progress(merchant.id, file))?.done).toBe(3)
  })

  it('keeps lines of different networks apart, gives each person one name, and names refused lines', async () => {
    const { imports, taken } = world()
    const lines = [line(0), line(1, '198.51.100.1'), line(2), { ...line(3), hit: { ...line(3).hit, bad: true } }]
    const reply = await imports().store(merchant, file, { from: 0, to: 4, lines })
    expect(reply).toMatchObject({ accepted: 3, rejected: [{ line: 3, code: 'unknown_field' }] })
    expect(new Set(taken.map(({ visitor }) => visitor)).size).toBe(2)
    expect(taken.map(({ address }) => address)).toEqual(['203.0.113.7', '203.0.113.7', '198.51.100.1'])
  })

  it.each(['before', 'after'] as const)(
    'that died %s the lines were stored sends them again soon after: repeats are dropped by their ids',
    async (how) => {
      const { imports, taken, fail } = world()
      fail(how)
      await expect(imports().store(merchant, file, { from: 0, to: 2, lines: [line(0), line(1)] })).rejects.toThrow()
      fail('no')
      const again = imports()
      expect((await again.progress(merchant.id, file))?.done).toBe(0)
      const reply = await again.store(merchant, file, { from: 0, to: 2, lines: [line(0), line(1)] })
      expect(reply).toEqual({ done: 2, accepted: 2, rejected: [] })
      expect(taken.slice(-2).map(({ id }) => id.split('-')[1])).toEqual(['0', '1'])
    },
  )

  it('that goes on when repeats are forgotten asks which of the lines in doubt are there, and takes the others', async () => {
    const { imports, taken, fail, clock, lake } = world()
    fail('after')
    await expect(imports().store(merchant, file, { from: 0, to: 2, lines: [line(0), line(1)] })).rejects.toThrow()
    lake.add(taken[0]?.id ?? '')
    taken.length = 0
    fail('no')
    clock.advance(repeatsKnownMs + 1)
    const reply = await imports().store(merchant, file, { from: 0, to: 3, lines: [line(0), line(1), line(2)] })
    expect(reply.accepted).toBe(3)
    expect(taken.map(({ id }) => id.split('-')[1])).toEqual(['1', '2'])
  })

  it('stays in doubt about lines it has not come to, though others went on meanwhile', async () => {
    const { imports, taken, fail, clock, lake } = world()
    const four = [0, 1, 2, 3].map((number) => line(number))
    fail('after')
    await expect(imports().store(merchant, file, { from: 0, to: 4, lines: four })).rejects.toThrow()
    for (const { id } of taken) lake.add(id)
    taken.length = 0
    fail('no')
    clock.advance(repeatsKnownMs - 1)
    await imports().store(merchant, file, { from: 0, to: 2, lines: four.slice(0, 2) })
    clock.advance(2)
    await imports().store(merchant, file, { from: 2, to: 4, lines: four.slice(2) })
    expect(taken.map(({ id }) => id.split('-')[1])).toEqual(['0', '1'])
  })

  it('takes requests of one file one after the other', async () => {
    const { imports, taken } = world()
    const all = imports()
    const one = all.store(merchant, file, { from: 0, to: 1, lines: [line(0)] })
    const same = all.store(merchant, file, { from: 0, to: 1, lines: [line(0)] })
    await expect(same).rejects.toMatchObject({ code: 'import_out_of_order' })
    await one
    expect(taken.length).toBe(1)
  })

  it(`refuses what is no stretch of lines, and more than ${importMaxLines}`, async () => {
    const { imports } = world()
    const many = Array.from({ length: importMaxLines + 1 }, (_, number) => line(number))
    for (const body of [
      {},
      { from: 1, to: 1, lines: [] },
      { from: 0, to: 2, lines: [line(2)] },
      { from: 0, to: 3, lines: [line(1), line(0)] },
      { from: 0, to: many.length, lines: many },
    ]) {
      await expect(imports().store(merchant, file, body)).rejects.toMatchObject({ status: 400, code: 'bad_query' })
    }
    const most = { from: 0, to: importMaxLines, lines: many.slice(0, importMaxLines) }
    expect((await imports().store(merchant, file, most)).accepted).toBe(importMaxLines)
  })
})
