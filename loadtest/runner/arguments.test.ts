import { describe, expect, it } from 'vitest'
import { parseOrder } from './arguments.ts'

describe('what the command is told', () => {
  it('is one scenario at a tenth of the load for a minute, unless it says more', () => {
    const order = parseOrder(['base'], {})
    expect(order).toMatchObject({
      scenarios: ['base'],
      load: { factor: 0.1, hitsPerRequest: 20, merchants: 20, slack: 1 },
      search: 'none',
      running: undefined,
      results: undefined,
    })
    expect(order.secondsOf('base')).toBe(60)
    expect(order.secondsOf('soak')).toBe(600)
  })

  it('takes the factor from HITLAKE_LOAD_FACTOR, and from its argument before that', () => {
    expect(parseOrder(['base'], { HITLAKE_LOAD_FACTOR: '0.4' }).load.factor).toBe(0.4)
    expect(parseOrder(['base', '--factor', '0.2'], { HITLAKE_LOAD_FACTOR: '0.4' }).load.factor).toBe(0.2)
  })

  it('means all scenarios but the soak by "all"', () => {
    const { scenarios } = parseOrder(['all', '--seconds', '5'], {})
    expect(scenarios).toEqual(['base', 'peak', 'burst', 'slow-clients', 'socket', 'readers'])
  })

  it('names a running server on loopback', () => {
    const env = {
      HITLAKE_URL: 'http://127.0.0.1:8081',
      HITLAKE_ADMIN_KEY: 'k',
      HITLAKE_LOAD_ASK_URL: 'http://[::1]:8080',
    }
    expect(parseOrder(['base'], env).running).toEqual({
      url: 'http://127.0.0.1:8081',
      askUrl: 'http://[::1]:8080',
      adminKey: 'k',
    })
  })

  it.each<[string, string[], Record<string, string>, RegExp]>([
    ['another machine', ['base'], { HITLAKE_URL: 'http://shop.example', HITLAKE_ADMIN_KEY: 'k' }, /another machine/],
    [
      'another machine to ask',
      ['base'],
      { HITLAKE_URL: 'http://127.0.0.1', HITLAKE_LOAD_ASK_URL: 'http://10.0.0.1', HITLAKE_ADMIN_KEY: 'k' },
      /10\.0\.0\.1 is another machine/,
    ],
    ['a server without its key', ['base'], { HITLAKE_URL: 'http://127.0.0.1' }, /without HITLAKE_ADMIN_KEY/],
    ['no scenario', [], {}, /name one or more/],
    ['an unknown scenario', ['base', 'bass'], {}, /name one or more/],
    ['a factor beyond all machines', ['base', '--factor', '5'], {}, /at most 4/],
    ['a factor that is no number', ['base', '--factor', 'all'], {}, /factor/],
    ['more than an hour', ['base', '--seconds', '3601'], {}, /3600/],
    ['an unknown option', ['base', '--fast'], {}, /fast/],
    [
      'a search over a running server',
      ['base', '--largest'],
      { HITLAKE_URL: 'http://127.0.0.1', HITLAKE_ADMIN_KEY: 'k' },
      /servers of its own/,
    ],
  ])('is refused with %s', (_, argv, env, problem) => {
    expect(() => parseOrder(argv, env)).toThrow(problem)
  })
})
