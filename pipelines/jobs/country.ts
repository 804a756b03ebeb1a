/**
 * The country of an address prefix, by a MaxMind DB file held in memory. The prefix (/24, /48) is all that is kept of a
 * client's address, so its first address stands for all of it: where a prefix is shared by two countries, some hits get
 * the neighbour's.
 */
import ipaddr from 'ipaddr.js'
import { LRUCache } from 'lru-cache'
import { Reader, type Response } from 'mmdb-lib'

export interface CountryLookup {
  /** ISO 3166-1 alpha-2, or null: no prefix, no such network, or not an address. */
  country(addressPrefix: string | null): string | null
}

export const prefixesRemembered = 50_000

/** What the file holds for a network. The library's own types know MaxMind's files only, where it is nested. */
type CountryRecord = { readonly country_code?: string } & Response

const unknown = ''
const countryCode = /^[A-Z]{2}$/

/**
 * `database` is the file's content (fields: `country_code`). Remembers at most `maxEntries` prefixes.
 * @throws Error where the content is no MaxMind DB
 */
export function createCountryLookup(database: Buffer, options: { readonly maxEntries?: number } = {}): CountryLookup {
  const reader = new Reader<CountryRecord>(database)
  const remembered = new LRUCache<string, string>({ max: options.maxEntries ?? prefixesRemembered })
  return {
    country(addressPrefix) {
      if (addressPrefix === null) return null
      let code = remembered.get(addressPrefix)
      if (code === undefined) {
        code = find(reader, addressPrefix)
        remembered.set(addressPrefix, code)
      }
      return code === unknown ? null : code
    },
  }
}

function find(reader: Reader<CountryRecord>, addressPrefix: string): string {
  const slash = addressPrefix.indexOf('/')
  const address = slash < 0 ? addressPrefix : addressPrefix.slice(0, slash)
  // The reader takes anything with dots in it for an address.
  if (!ipaddr.IPv4.isValidFourPartDecimal(address) && !ipaddr.IPv6.isValid(address)) return unknown
  const code = reader.get(address)?.country_code
  return code !== undefined && countryCode.test(code) ? code : unknown
}
