import { describe, expect, it } from 'vitest'
import { pixelHit } from './pixel.ts'

describe('the hit in an address', () => {
  it('has the fields as they are named, and properties as text', () => {
    const query = {
      key: 'k',
      id: '1',
      name: 'open',
      time: '2026-03-01T00:00:00Z',
      visitor: 'v',
      session: 's',
      url: 'https://shop.example/?a=b&c',
      referrer: 'r',
      title: 'größe',
      'p.n': '5',
      'p.': '',
      'p.a.b': 'true',
    }
    expect(pixelHit(query)).toEqual({
      id: '1',
      name: 'open',
      time: '2026-03-01T00:00:00Z',
      visitor: 'v',
      session: 's',
      url: 'https://shop.example/?a=b&c',
      referrer: 'r',
      title: 'größe',
      props: { n: '5', '': '', 'a.b': 'true' },
    })
  })

  it('reads digits as milliseconds, in time alone', () => {
    expect(pixelHit({ time: '1772000000000', id: '17' })).toEqual({ time: 1_772_000_000_000, id: '17' })
    expect(pixelHit({ time: '1e3' })).toEqual({ time: '1e3' })
  })

  it('leaves out what is empty, but no empty property', () => {
    expect(pixelHit({ name: 'open', visitor: '', title: '', 'p.x': '' })).toEqual({ name: 'open', props: { x: '' } })
  })

  it('hands names that reach for the prototype on to the check', () => {
    const { props } = pixelHit({ 'p.__proto__': 'x' }) as { props: object }
    expect(Object.hasOwn(props, '__proto__')).toBe(true)
  })

  it('names every parameter that does not exist or comes twice', () => {
    const query = { name: ['a', 'b'], revenue: '5', 'x~/y': '', 'p.a': ['1', '2'], user: 'u' }
    expect(() => pixelHit(query)).toThrow(
      expect.objectContaining({
        status: 400,
        code: 'bad_query',
        extra: {
          errors: ['/name', '/revenue', '/x~0~1y', '/p.a', '/user'].map((pointer) =>
            expect.objectContaining({ pointer, code: 'bad_query' }),
          ),
        },
      }),
    )
  })
})
