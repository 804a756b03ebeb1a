import { describe, expect, it } from 'vitest'
import { siteOf, trafficSource } from './traffic-source.ts'

describe('the source of a visit', () => {
  it("is the campaign's, in one spelling", () => {
    expect(trafficSource(' Summer-MAIL ', 'https://google.com/', 'shop.example')).toBe('summer-mail')
  })

  it.each(['', '   ', '\t'])('is not a campaign source of nothing but space', (blank) => {
    expect(trafficSource(blank, 'https://google.com/', 'shop.example')).toBe('google.com')
  })

  it.each([
    ['https://www.google.com/search?q=shoes', 'google.com'],
    ['http://News.Example:8080/a', 'news.example'],
    ['https://m.facebook.com', 'm.facebook.com'],
    ['https://wwwonders.example/', 'wwwonders.example'],
    ['https://bücher.example/', 'xn--bcher-kva.example'],
    ['android-app://com.Google.android.gm/', 'com.google.android.gm'],
  ])('else the host of the referrer: %s is %s', (referrer, source) => {
    expect(trafficSource(null, referrer, 'shop.example')).toBe(source)
  })

  it.each([null, '', 'google.com', 'about:blank', 'https://', 'https://www.shop.example/cart', 'http://SHOP.example'])(
    'else direct: %s',
    (referrer) => {
      expect(trafficSource(null, referrer, 'shop.example')).toBe('(direct)')
    },
  )

  it("a shop under www is its own source's site too", () => {
    expect(trafficSource(null, 'https://shop.example/', siteOf(new URL('https://www.shop.example/a')))).toBe('(direct)')
    expect(trafficSource(null, 'https://blog.shop.example/', siteOf(new URL('https://www.shop.example/a')))).toBe(
      'blog.shop.example',
    )
  })
})
