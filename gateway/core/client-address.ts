/**
 * Whose request it is, as far as we keep it: the network of the client's address, /24 or /48. The full address is read,
 * cut and forgotten; it is written nowhere.
 */
import ipaddr from 'ipaddr.js'
import { StartError } from '../../core/errors.ts'

export const addressPrefixBits = { ipv4: 24, ipv6: 48 } as const
/** Entries of `X-Forwarded-For` that are looked at, from the right. */
export const forwardedMaxEntries = 32

/** The client's address: the socket's own, or what trusted proxies say it is. null where they do not say. */
export type ClientAddress = (socketAddress: string | undefined, forwardedFor: string | undefined) => string | null

type Network = readonly [ipaddr.IPv4 | ipaddr.IPv6, number]

/**
 * Believes `X-Forwarded-For` only as far as the hops that wrote it are in `trustedProxies` (addresses or CIDR): the
 * client is the rightmost address that is not. @throws StartError for a network that cannot be read
 */
export function createClientAddress(trustedProxies: readonly string[]): ClientAddress {
  const networks = trustedProxies.map(networkOf)
  if (networks.length === 0) return (socketAddress) => socketAddress ?? null

  const trusted = (address: ipaddr.IPv4 | ipaddr.IPv6) =>
    networks.some(([network, bits]) => network.kind() === address.kind() && address.match([network, bits] as never))
  return (socketAddress, forwardedFor) => {
    let client = socketAddress ?? null
    let parsed = client === null ? undefined : parseAddress(client)
    if (forwardedFor === undefined || parsed === undefined) return client
    const hops = forwardedFor.split(',').slice(-forwardedMaxEntries)
    while (parsed !== undefined && trusted(parsed)) {
      const hop = hops.pop()
      if (hop === undefined) return client
      parsed = parseAddress(hop.trim())
      client = parsed === undefined ? null : parsed.toString()
    }
    return client
  }
}

const octet = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
const plainIpv4 = new RegExp(`^(?:::ffff:)?(${octet}\\.${octet}\\.${octet})\\.${octet}$`)

/** `203.0.113.0/24` or `2001:db8:1::/48`; null where there is no address or none that can be read. */
export function addressPrefix(address: string | null): string | null {
  if (address === null) return null
  // As a socket gives it: not worth an address library.
  const network = plainIpv4.exec(address)?.[1]
  if (network !== undefined) return `${network}.0/${addressPrefixBits.ipv4}`
  const parsed = parseAddress(address)
  if (parsed === undefined) return null
  if (parsed.kind() === 'ipv4') return addressPrefix(parsed.toString())
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${parsed}/${addressPrefixBits.ipv6}`)}/${addressPrefixBits.ipv6}`
}

/** An address as sockets and proxies write it: IPv4 in IPv6 is IPv4, a port, brackets and a scope are left out. */
function parseAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  const bare = /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text)?.[1] ?? text
  const unscoped = bare.replace(/%.*$/, '')
  if (ipaddr.IPv4.isValidFourPartDecimal(unscoped)) return ipaddr.IPv4.parse(unscoped)
  return ipaddr.IPv6.isValid(unscoped) ? ipaddr.process(unscoped) : undefined
}

function networkOf(text: string): Network {
  const [address = '', bitsText] = text.split('/', 2)
  const network = parseAddress(address)
  const allBits = network?.kind() === 'ipv4' ? 32 : 128
  const bits = bitsText === undefined ? allBits : /^\d{1,3}$/.test(bitsText) ? Number(bitsText) : Number.NaN
  if (network === undefined || !(bits <= allBits)) {
    throw new StartError(`HITLAKE_TRUSTED_PROXIES: ${text} is no address and no network such as 10.0.0.0/8`)
  }
  return [network, bits]
}

/** Proxies speak for many clients. Asked with an address no proxy has, a proxy passes the question on. */
export function trustedPeer(trustedProxies: readonly string[]): (address: string) => boolean {
  if (trustedProxies.length === 0) return () => false
  const clientAddress = createClientAddress(trustedProxies)
  const beyond = '192.0.2.1'
  return (address) => clientAddress(address, beyond) === beyond
}
