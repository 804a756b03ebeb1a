import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ClickId } from '../../schemas/sources/known-sources.ts'
import { sourceData } from '../../schemas/sources/known-sources.ts'
import { type CampaignFacts, noCampaign } from './campaign.ts'
import { parseUrl } from './page-path.ts'
import { createTrafficSources, hostOf, siteOf } from './traffic-source.ts'

const sources = createTrafficSources(sourceData)
const linked = (referrer: string | null, ownHost: string | null = 'shop.example') => {
  const { source, medium } = sources.of(noCampaign, referrer, ownHost)
  return [source, medium]
}
const campaign = (facts: Partial<CampaignFacts>): CampaignFacts => ({ ...noCampaign, ...facts })
const click = (parameter: string) => sources.clickIds.get(parameter) as ClickId

describe('the source of a visit', () => {
  it.each([
    ['https://www.google.com/search?q=shoes', 'google', 'organic'],
    ['https://www.google.com/', 'google', 'organic'],
    ['http://google.de', 'google', 'organic'],
    ['https://www.google.co.uk/', 'google', 'organic'],
    ['https://www.google.com.br/', 'google', 'organic'],
    ['https://google.cat/', 'google', 'organic'],
    ['https://images.google.fr/imgres', 'google', 'organic'],
    ['android-app://com.google.android.googlequicksearchbox/', 'google', 'organic'],
    ['android-app://com.google.android.googlequicksearchbox/https/www.google.com', 'google', 'organic'],
    ['https://www.bing.com/', 'bing', 'organic'],
    ['https://cn.bing.com/search?q=a', 'bing', 'organic'],
    ['https://duckduckgo.com/', 'duckduckgo', 'organic'],
    ['https://html.duckduckgo.com/html', 'duckduckgo', 'organic'],
    ['https://search.yahoo.com/', 'yahoo', 'organic'],
    ['https://de.search.yahoo.com/search', 'yahoo', 'organic'],
    ['https://search.yahoo.co.jp/search', 'yahoo', 'organic'],
    ['https://www.ecosia.org/', 'ecosia', 'organic'],
    ['https://search.brave.com/', 'brave', 'organic'],
    ['https://www.startpage.com/', 'startpage', 'organic'],
    ['https://www.qwant.com/', 'qwant', 'organic'],
    ['https://yandex.ru/', 'yandex', 'organic'],
    ['https://yandex.com.tr/search', 'yandex', 'organic'],
    ['https://ya.ru/', 'yandex', 'organic'],
    ['https://www.baidu.com/link?url=x', 'baidu', 'organic'],
    ['https://m.baidu.com/', 'baidu', 'organic'],
    ['https://search.naver.com/search.naver', 'naver', 'organic'],
    ['https://m.search.naver.com/', 'naver', 'organic'],
    ['https://search.daum.net/', 'daum', 'organic'],
    ['https://search.seznam.cz/', 'seznam', 'organic'],
    ['https://www.facebook.com/', 'facebook', 'social'],
    ['https://l.facebook.com/l.php?u=x', 'facebook', 'social'],
    ['http://m.facebook.com', 'facebook', 'social'],
    ['https://lm.facebook.com/', 'facebook', 'social'],
    ['android-app://com.facebook.katana/', 'facebook', 'social'],
    ['https://l.instagram.com/?u=x', 'instagram', 'social'],
    ['android-app://com.instagram.android/', 'instagram', 'social'],
    ['https://www.threads.net/', 'threads', 'social'],
    ['https://t.co/abc', 'x', 'social'],
    ['https://twitter.com/', 'x', 'social'],
    ['https://mobile.twitter.com/', 'x', 'social'],
    ['https://x.com/somebody', 'x', 'social'],
    ['https://www.linkedin.com/feed/', 'linkedin', 'social'],
    ['https://lnkd.in/xyz', 'linkedin', 'social'],
    ['android-app://com.linkedin.android/', 'linkedin', 'social'],
    ['https://www.pinterest.com/', 'pinterest', 'social'],
    ['https://www.pinterest.co.uk/pin/1', 'pinterest', 'social'],
    ['https://nl.pinterest.com/', 'pinterest', 'social'],
    ['https://www.reddit.com/r/shoes', 'reddit', 'social'],
    ['https://old.reddit.com/', 'reddit', 'social'],
    ['https://www.tiktok.com/', 'tiktok', 'social'],
    ['https://www.youtube.com/watch?v=1', 'youtube', 'social'],
    ['https://m.youtube.com/', 'youtube', 'social'],
    ['https://youtu.be/1', 'youtube', 'social'],
    ['https://web.whatsapp.com/', 'whatsapp', 'social'],
    ['https://wa.me/1', 'whatsapp', 'social'],
    ['https://t.me/channel', 'telegram', 'social'],
    ['android-app://org.telegram.messenger/', 'telegram', 'social'],
    ['https://discord.com/', 'discord', 'social'],
    ['https://bsky.app/', 'bluesky', 'social'],
    ['https://news.ycombinator.com/item?id=1', 'hacker-news', 'social'],
    ['https://vk.com/away.php', 'vk', 'social'],
    ['https://away.vk.com/', 'vk', 'social'],
    ['https://mail.google.com/mail/u/0', 'gmail', 'email'],
    ['android-app://com.Google.android.gm/', 'gmail', 'email'],
    ['https://outlook.live.com/', 'outlook', 'email'],
    ['https://mail.yahoo.com/d/folders/1', 'yahoo-mail', 'email'],
    ['https://de.mail.yahoo.com/', 'yahoo-mail', 'email'],
    ['https://mail.yandex.ru/', 'yandex-mail', 'email'],
    ['https://e.mail.ru/', 'mail.ru', 'email'],
    ['https://mail.proton.me/', 'proton-mail', 'email'],
    ['https://deref-gmx.net/mail/client', 'gmx', 'email'],
    ['https://3c.web.de/', 'web.de', 'email'],
    ['https://mail.qq.com/', 'qq-mail', 'email'],
  ])('that is known has one name and a medium: %s is %s, %s', (referrer, source, medium) => {
    expect(linked(referrer)).toEqual([source, medium])
  })

  it.each([
    ['http://News.Example:8080/a', 'news.example'],
    ['https://wwwonders.example/', 'wwwonders.example'],
    ['https://m.shoes.example/', 'm.shoes.example'],
    ['https://bücher.example/', 'xn--bcher-kva.example'],
    ['android-app://com.Shop.app/', 'com.shop.app'],
    ['https://docs.google.com/document/d/1', 'docs.google.com'],
    ['https://google.evil.example/', 'google.evil.example'],
    ['https://notfacebook.com/', 'notfacebook.com'],
    ['https://facebook.com.evil.example/', 'facebook.com.evil.example'],
    ['https://google.shop/', 'google.shop'],
    ['https://blog.naver.com/somebody', 'blog.naver.com'],
    ['http://203.0.113.7/', '203.0.113.7'],
    ['https://chatgpt.com/', 'chatgpt.com'],
    ['https://constructor/', 'constructor'],
  ])('that is not known is the host of the referrer: %s is %s', (referrer, source) => {
    expect(linked(referrer)).toEqual([source, 'referral'])
  })

  it.each([null, '', 'google.com', 'about:blank', 'https://', 'https://www.shop.example/cart', 'http://SHOP.example'])(
    'is direct without a referrer, or one of the shop itself: %s',
    (referrer) => {
      expect(linked(referrer)).toEqual(['(direct)', '(none)'])
    },
  )

  it('is the shop itself under www and without, but not on another host of it', () => {
    const own = siteOf(new URL('https://www.shop.example/a'))
    expect(linked('https://shop.example/', own)).toEqual(['(direct)', '(none)'])
    expect(linked('https://blog.shop.example/', own)).toEqual(['blog.shop.example', 'referral'])
    expect(linked('https://shop.example/', null)).toEqual(['shop.example', 'referral'])
  })

  it("is the campaign's before any other, in one spelling", () => {
    const named = campaign({ source: 'Summer-MAIL', medium: 'Email' })
    expect(sources.of(named, 'https://google.com/', 'shop.example')).toEqual({ source: 'summer-mail', medium: 'email' })
  })

  it('and its medium stand for themselves: what a campaign leaves out, the referrer says', () => {
    const google = 'https://google.com/'
    const of = (facts: Partial<CampaignFacts>, referrer: string | null) => {
      const { source, medium } = sources.of(campaign(facts), referrer, 'shop.example')
      return [source, medium]
    }
    expect(of({ medium: 'cpc' }, google)).toEqual(['google', 'cpc'])
    expect(of({ medium: 'cpc' }, null)).toEqual(['(direct)', 'cpc'])
    expect(of({ source: 'partner' }, google)).toEqual(['partner', 'organic'])
    expect(of({ source: 'partner' }, null)).toEqual(['partner', '(none)'])
    expect(of({ name: 'spring' }, google)).toEqual(['google', 'organic'])
  })
})

describe('a click that an advertiser marked', () => {
  const of = (facts: Partial<CampaignFacts>, referrer: string | null) => {
    const { source, medium } = sources.of(campaign(facts), referrer, 'shop.example')
    return [source, medium]
  }

  it.each([
    ['gclid', 'google', 'cpc'],
    ['gbraid', 'google', 'cpc'],
    ['wbraid', 'google', 'cpc'],
    ['msclkid', 'bing', 'cpc'],
    ['fbclid', 'facebook', 'social'],
  ])('by %s came from %s, %s', (parameter, source, medium) => {
    expect(of({ click: click(parameter) }, null)).toEqual([source, medium])
    expect(of({ click: click(parameter) }, 'https://ads.example/')).toEqual([source, medium])
    expect(of({ click: click(parameter) }, 'https://shop.example/')).toEqual([source, medium])
  })

  it('was paid for though a search page linked here; the id of Facebook is on its other sites too', () => {
    expect(of({ click: click('gclid') }, 'https://www.google.com/')).toEqual(['google', 'cpc'])
    expect(of({ click: click('fbclid') }, 'https://l.instagram.com/')).toEqual(['instagram', 'social'])
  })

  it('says nothing beside a campaign of another source, and the medium beside one of its own', () => {
    expect(of({ source: 'newsletter', click: click('gclid') }, null)).toEqual(['newsletter', '(none)'])
    expect(of({ source: 'Google', click: click('gclid') }, null)).toEqual(['google', 'cpc'])
    expect(of({ source: 'google', medium: 'display', click: click('gclid') }, null)).toEqual(['google', 'display'])
  })
})

describe('the host of a referrer', () => {
  it('is what parsing the URL gives, however it is written', () => {
    const label = fc.constantFrom(
      'www',
      'shop',
      'm',
      'xn--bcher-kva',
      'xn--',
      'a-',
      '-a',
      '0x7f',
      '7',
      'CO',
      '',
      'ü',
      'a_b',
    )
    const ending = fc.constantFrom('com', 'uk', 'c', '7', 'com.', 'COM', 'example', '0x1')
    const rest = fc.constantFrom(
      '',
      '/',
      '/a?b#c',
      '?q',
      '#f',
      ':8080',
      ':443/a',
      ':x',
      '@evil.example/',
      '\\a',
      ' ',
      '%41',
      '/\t',
    )
    const scheme = fc.constantFrom('https://', 'http://', 'HTTPS://', 'android-app://', 'https:/', '//', ' https://')
    fc.assert(
      fc.property(scheme, fc.array(label, { maxLength: 4 }), ending, rest, (first, labels, last, tail) => {
        const url = `${first}${[...labels, last].join('.')}${tail}`
        expect(hostOf(url), url).toBe(siteOf(parseUrl(url)))
      }),
      { numRuns: 5_000 },
    )
    fc.assert(
      fc.property(fc.webUrl(), (url) => {
        expect(hostOf(url)).toBe(siteOf(parseUrl(url)))
      }),
    )
  })
})

it('as many hosts are remembered as is said, and one that was forgotten is found again', () => {
  const small = createTrafficSources(sourceData, { maxEntries: 2 })
  const first = small.of(noCampaign, 'https://a.example/', null)
  expect(small.of(noCampaign, 'https://a.example/', null)).toBe(first)
  for (const host of ['b', 'c']) small.of(noCampaign, `https://${host}.example/`, null)
  expect(small.of(noCampaign, 'https://a.example/', null)).not.toBe(first)
  expect(small.of(noCampaign, 'https://a.example/', null)).toEqual(first)
})
