import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StartError } from '../../core/errors.ts'
import { addressPrefix, createClientAddress, forwardedMaxEntries } from './client-address.ts'

describe('the network of an address', () => {
  it.each([
    ['203.0.113.77', '203.0.113.0/24'],
    ['::ffff:203.0.113.77', '203.0.113.0/24'],
    ['::ffff:cb00:714d', '203.0.113.0/24'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1::/48'],
    ['2001:DB8:1::1', '2001:db8:1::/48'],
    ['fe80::1%eth0', 'fe80::/48'],
    ['::1', '::/48'],
    ['203.0.113.77:4711', '203.0.113.0/24'],
    ['[2001:db8:1::1]:443', '2001:db8:1::/48'],
    ['255.249.199.0', '255.249.199.0/24'],
  ])('of %s is %s', (address, prefix) => {
    expect(addressPrefix(address)).toBe(prefix)
  })

  it.each([
    '',
    'unknown',
    '256.0.0.1',
    '1.2.3',
    '01.2.3.4',
    '1.2.3.4.5',
    'shop.example',
    '::ffff:1.2.3.400',
    '1.2.3.4\n',
    '-',
    '0x7f.1',
  ])('is null for %j, which is no address', (text) => {
    expect(addressPrefix(text)).toBeNull()
  })

  it('never tells the last part of an address', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        expect(addressPrefix(address)).toBe(`${address.split('.').slice(0, 3).join('.')}.0/24`)
        expect(addressPrefix(`::ffff:${address}`)).toBe(addressPrefix(address))
      }),
    )
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 0xffff }), { minLength: 8, maxLength: 8 }), (groups) => {
        const text = groups.map((group) => group.toString(16))
        const prefix = addressPrefix(text.join(':'))
        expect(prefix).toBe(addressPrefix([...text.slice(0, 3), '1', '2', '3', '4', '5'].join(':')))
      }),
    )
  })

  it('is null where there is no address', () => {
    expect(addressPrefix(null)).toBeNull()
  })
})

describe('the client of a request', () => {
  const socket = '198.51.100.9'

  it('is the other end of the socket where no proxy is configured, whatever the request says', () => {
    const client = createClientAddress([])
    expect(client(socket, '203.0.113.1')).toBe(socket)
    expect(client(undefined, '203.0.113.1')).toBeNull()
  })

  // 203.0.113.1 (client) -> 10.1.1.1 (proxy) -> 10.2.2.2 (proxy) -> us; a client may write any header it likes.
  it('is the rightmost address that no configured proxy has', () => {
    const client = createClientAddress(['10.0.0.0/8', '2001:db8::/32', '192.0.2.7'])
    expect(client('10.2.2.2', '203.0.113.1, 10.1.1.1')).toBe('203.0.113.1')
    expect(client('10.2.2.2', '1.1.1.1, 203.0.113.1,10.1.1.1')).toBe('203.0.113.1')
    expect(client('::ffff:10.2.2.2', '203.0.113.1')).toBe('203.0.113.1')
    expect(client('2001:db8::5', '2001:db9::1')).toBe('2001:db9::1')
    expect(client('192.0.2.7', '[2001:db9::1]:443')).toBe('2001:db9::1')
    expect(client('192.0.2.8', '203.0.113.1')).toBe('192.0.2.8')
    expect(client(socket, '203.0.113.1, 10.1.1.1')).toBe(socket)
  })

  it('is the outermost proxy where all are configured, and the socket where no header came', () => {
    const client = createClientAddress(['10.0.0.0/8'])
    expect(client('10.2.2.2', '10.3.3.3, 10.1.1.1')).toBe('10.3.3.3')
    expect(client('10.2.2.2', undefined)).toBe('10.2.2.2')
  })

  it('is unknown where a proxy wrote something that is no address', () => {
    const client = createClientAddress(['10.0.0.0/8'])
    expect(client('10.2.2.2', '203.0.113.1, unknown')).toBeNull()
    expect(client('10.2.2.2', '')).toBeNull()
  })

  it('is looked for in so many hops and no more', () => {
    const client = createClientAddress(['10.0.0.0/8'])
    const hops = (count: number) => ['203.0.113.1', ...Array(count).fill('10.1.1.1')].join(',')
    expect(client('10.2.2.2', hops(forwardedMaxEntries - 1))).toBe('203.0.113.1')
    expect(client('10.2.2.2', hops(forwardedMaxEntries))).toBe('10.1.1.1')
  })

  it.each(['10.0.0.0/33', 'proxy.example', '10.0.0', ''])(
    'cannot be told with %j for a proxy: the start is refused',
    (text) => {
      expect(() => createClientAddress([text])).toThrow(StartError)
    },
  )
})
