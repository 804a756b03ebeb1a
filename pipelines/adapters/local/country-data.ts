/**
 * The country data set as npm installs it (@ip-location-db/geo-whois-asn-country-mmdb, IPv4 and IPv6 in one file), read
 * whole into memory (8 MB) once, and the versions of all data sets that `enrich` uses.
 */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { sourceData } from '../../../schemas/sources/known-sources.ts'
import { type CountryLookup, createCountryLookup } from '../../jobs/country.ts'

const countryPackage = '@ip-location-db/geo-whois-asn-country-mmdb'
const require = createRequire(import.meta.url)

export interface CountryData extends CountryLookup {
  /** Of the data set: `2.3.2026061719`. */
  readonly version: string
}

/** @throws Error where the package is not installed or its file is damaged */
export async function loadCountryData(): Promise<CountryData> {
  const file = require.resolve(`${countryPackage}/geo-whois-asn-country.mmdb`)
  const lookup = createCountryLookup(await readFile(file))
  return { country: (addressPrefix) => lookup.country(addressPrefix), version: await installedVersion(countryPackage) }
}

/** Every data set that `enrich` reads, by name, with its version: what the hash of rows and the column `data_sets` name. */
export async function dataSetVersions(): Promise<Readonly<Record<string, string>>> {
  const packages = ['bowser', countryPackage, 'isbot']
  const versions = await Promise.all(packages.map(async (name) => [name, await installedVersion(name)] as const))
  return { ...Object.fromEntries(versions), sources: sourceData.version }
}

async function installedVersion(packageName: string): Promise<string> {
  // Not `require(name/package.json)`: a package may leave it out of its exports.
  for (const folder of require.resolve.paths(packageName) ?? []) {
    const text = await readFile(`${folder}/${packageName}/package.json`, 'utf8').catch(() => undefined)
    if (text !== undefined) return JSON.parse(text).version
  }
  throw new Error(`the package ${packageName} is not installed; run npm ci`)
}
