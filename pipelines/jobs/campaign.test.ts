import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hitLimits } from '../../core/hit/limits.ts'
import type { Campaign } from '../../core/hit.ts'
import { sourceData } from '../../schemas/sources/known-sources.ts'
import { campaignOf, noCampaign } from './campaign.ts'
import { parseUrl } from './page-path.ts'

const clickIds = new Map(sourceData.clickIds.map((click) => [click.parameter, click]))
const none: Campaign = { source: null, medium: null, name: null, term: null, content: null }
const ofUrl = (query: string, given: Campaign | null = null) =>
  campaignOf(given, parseUrl(`https://shop.example/a${query}`), clickIds)

describe('the campaign of a hit', () => {
  it('is the one given with it, trimmed, whatever the address says', () => {
    const given = { ...none, source: ' Mail ', name: '\tSpring Sale ' }
    const facts = { source: 'Mail', medium: null, name: 'Spring Sale', click: null }
    expect(ofUrl('?utm_source=google&utm_medium=cpc&gclid=1', given)).toEqual(facts)
    expect(campaignOf(given, null, clickIds)).toEqual(facts)
  })

  it('is in the address where none is given, or one that says nothing', () => {
    const facts = { source: 'google', medium: 'cpc', name: 'spring sale', click: null }
    const query = '?utm_source=google&utm_medium=cpc&utm_campaign=spring+sale&utm_term=shoes'
    expect(ofUrl(query)).toEqual(facts)
    expect(ofUrl(query, none)).toEqual(facts)
    expect(ofUrl(query, { ...none, source: '  ', term: 'shoes' })).toEqual(facts)
  })

  it('is none without parameters of one', () => {
    for (const query of [
      '',
      '?',
      '?size=42',
      '#utm_source=x',
      '?UTM_SOURCE=x',
      '?xutm_source=x',
      '?gclid=',
      '?dgclid=1',
    ]) {
      expect(ofUrl(query), query).toEqual(noCampaign)
    }
    expect(campaignOf(null, null, clickIds)).toEqual(noCampaign)
  })

  it('takes the first of a parameter that comes twice, the first that says something', () => {
    expect(ofUrl('?utm_source=a&utm_source=b').source).toBe('a')
    expect(ofUrl('?utm_source=&utm_source=%20&utm_source=b').source).toBe('b')
    expect(ofUrl('?msclkid=1&gclid=2').click?.source).toBe('bing')
  })

  it('knows the parameters that mark a click, beside others', () => {
    expect(ofUrl('?a=1&gclid=xyz')).toEqual({ ...noCampaign, click: clickIds.get('gclid') })
    expect(ofUrl('?utm_source=google&gclid=xyz')).toMatchObject({ source: 'google', click: { source: 'google' } })
  })

  it('of an address is what the standard reads there', () => {
    const piece = fc.constantFrom(
      'utm_source',
      'a',
      '=',
      '&',
      '%',
      '%20',
      '+',
      '%C3%BC',
      'ü',
      '%3D',
      '?',
      'utm_source=',
      '#',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const query = `?${pieces.join('')}`
        const all = new URLSearchParams(parseUrl(`https://shop.example/a${query}`)?.search).getAll('utm_source')
        const first = all.map((value) => value.trim()).find((value) => value !== '')
        expect(ofUrl(query).source, query).toBe(first ?? null)
      }),
      { numRuns: 3_000 },
    )
  })

  it('of an address holds no control character, is whole Unicode and no longer than one that is given', () => {
    expect(ofUrl('?utm_source=a%00b&utm_campaign=a%0Ab')).toMatchObject({ source: null, name: null })
    expect(ofUrl('?utm_source=%FF').source).toBe('\ufffd')
    const exactly = 'x'.repeat(hitLimits.campaignLength)
    expect(ofUrl(`?utm_campaign=${exactly}`).name).toBe(exactly)
    expect(ofUrl(`?utm_campaign=${exactly}y`).name).toBe(exactly)
    const cut = ofUrl(`?utm_campaign=${exactly.slice(1)}${encodeURIComponent('💚')}`).name
    expect(cut).toBe(`${exactly.slice(1)}\ufffd`)
  })
})
