import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { sourceData } from '../../schemas/sources/known-sources.ts'
import { createSourceLookup } from './source-lookup.ts'

describe('the data set of sources', () => {
  // Rows name the version that made them: what a version holds can never change. A change is a new version.
  it('of a version stays what it is', () => {
    const content = createHash('sha256')
      .update(JSON.stringify({ ...sourceData, version: '' }))
      .digest('hex')
    expect([sourceData.version, content.slice(0, 16)]).toEqual(['1', 'a3d32d8298a81653'])
  })

  it('holds each source once, in lower case, with a medium and something to know it by', () => {
    const names = sourceData.sources.map(({ source }) => source)
    expect(new Set(names).size).toBe(names.length)
    for (const entry of sourceData.sources) {
      const { source, medium, sites = [], domains = [], apps = [], ...others } = entry
      expect(source).toMatch(/^[a-z0-9][a-z0-9.-]*$/)
      expect(['organic', 'social', 'email'], source).toContain(medium)
      expect(others, source).toEqual({})
      const hosts = [...sites, ...domains, ...apps]
      expect(hosts.length, source).toBeGreaterThan(0)
      for (const host of hosts) expect(host).toMatch(/^[a-z0-9-]+(\.[a-z0-9-]+)*\.([a-z0-9]+|\*)$/)
      for (const site of [...sites, ...domains]) expect(site).not.toMatch(/^(www|m)\.(?!me$)/)
    }
  })

  it('finds every entry by all it names', () => {
    const { find } = createSourceLookup(sourceData)
    for (const { source, medium, sites = [], domains = [], apps = [] } of sourceData.sources) {
      for (const host of [...sites, ...domains, ...apps]) {
        expect(find(host.replace('*', 'co.uk')), host).toEqual({ source, medium })
      }
      for (const domain of domains)
        expect(find(`a.b.${domain.replace('*', 'com')}`), domain).toEqual({ source, medium })
    }
  })

  it('is refused where two entries claim one host', () => {
    const twice = [
      { source: 'a', medium: 'social', sites: ['x.example'] },
      { source: 'b', medium: 'email', sites: ['x.example'] },
    ] as const
    expect(() => createSourceLookup({ sources: twice })).toThrow(/x\.example is said to be a and b/)
  })

  it('marks clicks by parameters in lower case, each once', () => {
    const parameters = sourceData.clickIds.map(({ parameter }) => parameter)
    expect(new Set(parameters).size).toBe(parameters.length)
    for (const { parameter, source, medium, before } of sourceData.clickIds) {
      for (const text of [parameter, source, medium]) expect(text).toMatch(/^[a-z]+$/)
      expect(['every referrer', 'unknown referrers']).toContain(before)
    }
  })
})
