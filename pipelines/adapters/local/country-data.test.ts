import { describe, expect, it } from 'vitest'
import { sourceData } from '../../../schemas/sources/known-sources.ts'
import { createCountryLookup } from '../../jobs/country.ts'
import { dataSetVersions, loadCountryData } from './country-data.ts'

const data = await loadCountryData()

describe('the country of an address prefix', () => {
  // Networks of national registries and companies that have been where they are for decades.
  it.each([
    ['8.8.8.0/24', 'US'],
    ['193.99.144.0/24', 'DE'],
    ['133.11.0.0/24', 'JP'],
    ['2001:4860:4860::/48', 'US'],
    ['2a02:2e0:3fe::/48', 'DE'],
    ['8.8.8.0', 'US'],
  ])('of %s is %s', (prefix, country) => {
    expect(data.country(prefix)).toBe(country)
    expect(data.country(prefix)).toBe(country)
  })

  it.each([null, '', '10.0.0.0/24', '127.0.0.0/24', 'fe80::/48', 'not an address', '999.1.1.0/24', '1.2.3.4.5', '/24'])(
    'of %s is not known',
    (prefix) => {
      expect(data.country(prefix)).toBeNull()
    },
  )

  it('refuses a file that is no such database', () => {
    expect(() => createCountryLookup(Buffer.from('not a database'))).toThrow()
  })
})

it('the data sets of enrich are named with their versions, as package.json pins them', async () => {
  const { default: pinned } = await import('../../../package.json', { with: { type: 'json' } })
  const names = ['bowser', '@ip-location-db/geo-whois-asn-country-mmdb', 'isbot'] as const
  expect(await dataSetVersions()).toEqual({
    ...Object.fromEntries(names.map((name) => [name, pinned.dependencies[name]])),
    sources: sourceData.version,
  })
  expect(data.version).toBe(pinned.dependencies['@ip-location-db/geo-whois-asn-country-mmdb'])
})
