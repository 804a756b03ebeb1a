import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { CommandError } from '../../core/errors.ts'
import type { MerchantId } from '../../core/ids.ts'
import type { Api } from '../client/api.ts'
import { askedErasures, erasuresMaxAgeMs } from './asked-erasures.ts'

const shop = 'shop' as MerchantId
const tea = 'tea' as MerchantId
const through = '2026-03-01T09:00:00.000Z'
const view = (id: number, whose: object) => ({ id, merchant: shop, ...whose, through, state: 'removed' })

/** A server that shows two erasures a page. */
function serverWith(erasures: { id: number }[]) {
  const asked: string[] = []
  const api: Pick<Api, 'get'> = {
    async get(path) {
      asked.push(path)
      const after = Number(new URL(path, 'http://server').searchParams.get('after'))
      const left = erasures.filter(({ id }) => id > after)
      const body = { erasures: left.slice(0, 2), ...(left.length > 2 && { next: left[1]?.id }) }
      return { status: 200, body, headers: new Headers() }
    },
  }
  return { asked, api: api as Api }
}

describe('what is erased, asked of the server', () => {
  it('is all of it, page by page, by merchant', async () => {
    const { api, asked } = serverWith([
      view(1, { visitor: 'v1' }),
      view(2, { user: 'u1' }),
      { ...view(3, { all: true }), merchant: tea } as never,
    ])
    const store = askedErasures({ api, clock: new ManualClock() })
    const found = await store.erasedOf([shop, tea, 'books' as MerchantId])
    const at = Date.parse(through)
    expect([...found]).toEqual([
      [
        shop,
        [
          { merchant: shop, subject: { kind: 'visitor', value: 'v1' }, through: at },
          { merchant: shop, subject: { kind: 'user', value: 'u1' }, through: at },
        ],
      ],
      [tea, [{ merchant: tea, subject: { kind: 'merchant' }, through: at }]],
    ])
    expect(asked).toHaveLength(2)
  })

  it('is asked for again once it is old', async () => {
    const erasures = [view(1, { visitor: 'v1' })]
    const { api, asked } = serverWith(erasures)
    const clock = new ManualClock()
    const store = askedErasures({ api, clock })
    await store.erasedOf([shop])
    erasures.push(view(2, { visitor: 'v2' }))
    clock.advance(erasuresMaxAgeMs - 1)
    expect((await store.erasedOf([shop])).get(shop)).toHaveLength(1)
    expect(asked).toHaveLength(1)
    clock.advance(1)
    expect((await store.erasedOf([shop])).get(shop)).toHaveLength(2)
  })

  it('stops the emission where the server does not say', async () => {
    const api = { get: async () => ({ status: 500, body: {}, headers: new Headers() }) } as unknown as Api
    await expect(askedErasures({ api, clock: new ManualClock() }).erasedOf([shop])).rejects.toThrow(CommandError)
  })
})
