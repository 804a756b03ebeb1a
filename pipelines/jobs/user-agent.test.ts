import { describe, expect, it } from 'vitest'
import type { ClientHints } from '../../core/hit.ts'
import { clientHintsRemembered, createUserAgentReader, userAgentMaxLength } from './user-agent.ts'

const webKit = 'AppleWebKit/537.36 (KHTML, like Gecko)'
const windows = `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${webKit} Chrome/126.0.0.0 Safari/537.36`
const pixel = `Mozilla/5.0 (Linux; Android 14; Pixel 8) ${webKit} Chrome/126.0.0.0 Mobile Safari/537.36`
const tablet = `Mozilla/5.0 (Linux; Android 13; SM-X906C) ${webKit} Chrome/126.0.0.0 Safari/537.36`
const webView = `Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/UQ1A; wv) ${webKit} Version/4.0 Chrome/126.0 Mobile Safari/537.36`
const samsung = `Mozilla/5.0 (Linux; Android 13; SAMSUNG SM-S918B) ${webKit} SamsungBrowser/21.0 Chrome/110.0 Mobile Safari/537.36`
const yandex = `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${webKit} Chrome/124.0.0.0 YaBrowser/24.6.0.0 Safari/537.36`
const edgePhone = `Mozilla/5.0 (Linux; Android 10; HD1913) ${webKit} Chrome/125.0 Mobile Safari/537.36 EdgA/124.0.2478.64`
const chromebook = `Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) ${webKit} Chrome/126.0.0.0 Safari/537.36`
const linux = `Mozilla/5.0 (X11; Linux x86_64) ${webKit} Chrome/126.0.0.0 Safari/537.36`
const lg = `Mozilla/5.0 (Web0S; Linux/SmartTV) ${webKit} Chrome/79.0.3945.79 Safari/537.36 WebAppManager`
const tizen =
  'Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/538.1 (KHTML, like Gecko) Version/6.0 TV Safari/538.1'
const apple = (device: string, rest: string) =>
  `Mozilla/5.0 (${device}) AppleWebKit/605.1.15 (KHTML, like Gecko) ${rest}`
const iPhone = 'iPhone; CPU iPhone OS 17_5 like Mac OS X'
const mac = 'Macintosh; Intel Mac OS X 10_15_7'
const safariPhone = apple(iPhone, 'Version/17.5 Mobile/15E148 Safari/604.1')
const iPad = apple('iPad; CPU OS 17_5 like Mac OS X', 'Version/17.5 Mobile/15E148 Safari/604.1')
const firefox = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0'
const googlebot = 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)'

const edge = 'Microsoft Edge'
const nobody = { bot: false, device: 'other', browser: null, os: null }

function hints(brand: string | null, platform: string | null, mobile: '?0' | '?1' | null): ClientHints {
  const brands = brand === null ? null : `"Not/A)Brand";v="8", "Chromium";v="126", "${brand}";v="126"`
  return { brands, mobile, platform: platform === null ? null : `"${platform}"`, platformVersion: null, model: null }
}

describe('a user agent', () => {
  const reader = createUserAgentReader()

  it.each([
    ['Chrome on Windows', windows, 'Chrome', 'Windows', 'desktop'],
    ['Chrome on macOS', `Mozilla/5.0 (${mac}) ${webKit} Chrome/126.0.0.0 Safari/537.36`, 'Chrome', 'macOS', 'desktop'],
    ['Chrome on Linux', linux, 'Chrome', 'Linux', 'desktop'],
    ['a Chromebook', chromebook, 'Chrome', 'Chrome OS', 'desktop'],
    ['Chrome on Android', pixel, 'Chrome', 'Android', 'mobile'],
    ['an Android tablet', tablet, 'Chrome', 'Android', 'tablet'],
    ['an Android web view', webView, 'Chrome', 'Android', 'mobile'],
    ['Chrome on an iPhone', apple(iPhone, 'CriOS/126.0 Mobile/15E148 Safari/604.1'), 'Chrome', 'iOS', 'mobile'],
    ['Edge', `${windows} Edg/126.0.0.0`, edge, 'Windows', 'desktop'],
    ['the old Edge', `${windows} Edge/18.17763`, edge, 'Windows', 'desktop'],
    ['Edge on Android', edgePhone, edge, 'Android', 'mobile'],
    [
      'Edge on an iPhone',
      apple(iPhone, 'Version/17.0 EdgiOS/125.0 Mobile/15E148 Safari/605.1.15'),
      edge,
      'iOS',
      'mobile',
    ],
    ['Opera', `${windows} OPR/110.0.0.0`, 'Opera', 'Windows', 'desktop'],
    ['Vivaldi', `${windows} Vivaldi/6.4`, 'Vivaldi', 'Windows', 'desktop'],
    ['Yandex', yandex, 'Yandex Browser', 'Windows', 'desktop'],
    ['Samsung', samsung, 'Samsung Internet for Android', 'Android', 'mobile'],
    ['Firefox on Windows', firefox, 'Firefox', 'Windows', 'desktop'],
    [
      'Firefox on Android',
      'Mozilla/5.0 (Android 14; Mobile; rv:127.0) Gecko/127.0 Firefox/127.0',
      'Firefox',
      'Android',
      'mobile',
    ],
    ['Safari on macOS', apple(mac, 'Version/17.5 Safari/605.1.15'), 'Safari', 'macOS', 'desktop'],
    ['Safari on an iPhone', safariPhone, 'Safari', 'iOS', 'mobile'],
    ['an iPad', iPad, 'Safari', 'iOS', 'tablet'],
    ['an app on an iPhone', apple(iPhone, 'Mobile/15E148 Instagram 334.0.4.32.98'), 'Safari', 'iOS', 'mobile'],
    ['a Samsung television', tizen, 'Tizen', 'Tizen', 'tv'],
    ['an LG television', lg, 'WebOS Browser', 'WebOS', 'tv'],
    [
      'Internet Explorer',
      'Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko',
      'Internet Explorer',
      'Windows',
      'desktop',
    ],
  ])('of %s', (_, text, browser, os, device) => {
    expect(reader.read(text, null)).toEqual({ bot: false, device, browser, os })
    expect(reader.read(text, null)).toEqual({ bot: false, device, browser, os })
  })

  it.each([
    [googlebot, true],
    ['curl/8.5.0', true],
    ['node', true],
    ['-', true],
    ['', false],
    [null, false],
  ])('%s: bot %s, and no device', (text, bot) => {
    expect(reader.read(text, null)).toMatchObject({ bot, device: 'other', os: null })
  })

  it('that names no browser has none: not the word that all begin with', () => {
    expect(reader.read('Mozilla/5.0 (X11; Something) Else/1.0', null).browser).toBeNull()
    expect(reader.read('curl/8.5.0', null).browser).toBeNull()
    expect(reader.read('Shop/1.2 (iOS 17)', null).browser).toBe('Shop')
    expect(reader.read(`${'x'.repeat(60)}/1.2 (iOS 17)`, null).browser).toBeNull()
    expect(reader.read('<b>/1.2 (iOS 17)', null).browser).toBeNull()
  })

  it('is judged by as much of it as a hit may have', () => {
    const padded = 'x'.repeat(userAgentMaxLength - 'curl/8.5.0'.length - 1)
    expect(reader.read(`${padded} curl/8.5.0`, null)).toEqual(reader.read(`${padded} curl/8.5.0 and more`, null))
    expect(reader.read(`${windows}${' '.repeat(userAgentMaxLength)}Googlebot`, null)).toMatchObject({ bot: false })
  })

  it('is remembered, and only so many are', () => {
    const small = createUserAgentReader({ maxEntries: 2 })
    const first = small.read(windows, null)
    expect(small.read(windows, null)).toBe(first)
    small.read(pixel, null)
    small.read(iPad, null)
    expect(small.read(windows, null)).not.toBe(first)
    expect(small.read(windows, null)).toEqual(first)
  })
})

describe('client hints', () => {
  const reader = createUserAgentReader()
  const read = (text: string | null, sent: ClientHints) => reader.read(text, sent)

  it.each([
    ['Chrome', windows, hints('Google Chrome', 'Windows', '?0'), 'Chrome', 'Windows', 'desktop'],
    ['Chrome on a phone', pixel, hints('Google Chrome', 'Android', '?1'), 'Chrome', 'Android', 'mobile'],
    ['Chrome on a tablet', tablet, hints('Google Chrome', 'Android', '?0'), 'Chrome', 'Android', 'tablet'],
    ['Edge', `${windows} Edg/126.0.0.0`, hints('Microsoft Edge', 'Windows', '?0'), edge, 'Windows', 'desktop'],
    ['Edge on Android', edgePhone, hints('Microsoft Edge', 'Android', '?1'), edge, 'Android', 'mobile'],
    ['Opera', `${windows} OPR/110.0.0.0`, hints('Opera', 'Windows', '?0'), 'Opera', 'Windows', 'desktop'],
    ['Yandex', yandex, hints('YaBrowser', 'Windows', '?0'), 'Yandex Browser', 'Windows', 'desktop'],
    [
      'Samsung',
      samsung,
      hints('Samsung Internet', 'Android', '?1'),
      'Samsung Internet for Android',
      'Android',
      'mobile',
    ],
    ['a web view', webView, hints('Android WebView', 'Android', '?1'), 'Chrome', 'Android', 'mobile'],
    ['a Chromebook', chromebook, hints('Google Chrome', 'Chrome OS', '?0'), 'Chrome', 'Chrome OS', 'desktop'],
  ])('and the user agent of %s agree', (_, text, sent, browser, os, device) => {
    const facts = { bot: false, device, browser, os }
    expect(read(text, sent)).toEqual(facts)
    expect(reader.read(text, null)).toEqual(facts)
  })

  it('go before a user agent that says less', () => {
    expect(read(windows, hints('Brave', 'Windows', '?0'))).toMatchObject({ browser: 'Brave' })
    expect(read(windows, hints('Not;A Brand', 'Windows', '?0'))).toMatchObject({ browser: 'Chromium' })
    expect(read(linux, hints('Google Chrome', 'Android', '?1'))).toMatchObject({ os: 'Android', device: 'mobile' })
  })

  it('that name a family leave the word to a user agent that names one of it', () => {
    expect(read(`${windows} Vivaldi/6.4`, hints('Google Chrome', 'Windows', '?0')).browser).toBe('Vivaldi')
    expect(read(lg, hints('Google Chrome', 'Linux', '?0'))).toMatchObject({ os: 'WebOS', device: 'tv' })
  })

  it('of a brand that is not known leave the word to the user agent', () => {
    expect(read(pixel, hints('HuaweiBrowser', 'Android', '?1')).browser).toBe('Chrome')
    expect(read(null, hints('HuaweiBrowser', null, null))).toEqual(nobody)
  })

  it('are enough without a user agent', () => {
    const read3 = (platform: string, mobile: '?0' | '?1') => read(null, hints('Google Chrome', platform, mobile))
    expect(read3('macOS', '?0')).toEqual({ bot: false, device: 'desktop', browser: 'Chrome', os: 'macOS' })
    expect(read3('Android', '?0').device).toBe('tablet')
    expect(read3('Android', '?1').device).toBe('mobile')
    expect(read3('Fuchsia', '?0').device).toBe('other')
  })

  it('make nobody a bot, and no bot a visitor', () => {
    expect(read(googlebot, hints('Google Chrome', 'Linux', '?0'))).toMatchObject({ bot: true, browser: 'Googlebot' })
    expect(read(null, hints(null, null, null))).toEqual(nobody)
  })

  it('are told apart though they come in objects of their own, whoever came before, and more than are remembered', () => {
    const chrome = hints('Google Chrome', 'Windows', '?0')
    const other = hints('Microsoft Edge', 'Windows', '?0')
    for (const sent of [chrome, other, chrome, { ...other }, { ...chrome }]) {
      expect(read(windows, sent).browser).toBe(sent.brands?.includes('Edge') ? edge : 'Chrome')
    }
    for (let i = 0; i <= clientHintsRemembered; i++) read(windows, hints(`Brand ${i}`, null, null))
    expect(read(windows, { ...other }).browser).toBe(edge)
  })
})
