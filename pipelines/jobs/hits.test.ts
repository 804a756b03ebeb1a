import { describe, expect, it } from 'vitest'
import { publicationColumns } from '../../core/tables.ts'
import { tables } from '../../schemas/tables.ts'
import { explainPlan } from '../plan/explain.ts'
import { batch, createWorld, drain, hit, morning, push, rowsOf } from '../test/support/world.ts'
import { hitsPipeline } from './hits.ts'

describe('the plan of the pipeline hits', () => {
  it('is the one in hits.plan.json; hashes of lambdas left out, for they change with the compiler', async () => {
    const text = JSON.stringify(hitsPipeline.plan, (key, value) => (key === 'code' ? '(code)' : value), 2)
    await expect(`${text}\n`).toMatchFileSnapshot('hits.plan.json')
  })

  it('reads in words as in hits.plan.txt', async () => {
    await expect(explainPlan(hitsPipeline.plan)).toMatchFileSnapshot('hits.plan.txt')
  })
})

describe('rows of the sinks', () => {
  it('have exactly the columns of their tables, those that publication sets left out', async () => {
    const world = await createWorld()
    push(world, [batch([hit({ id: 'a' }), hit({ id: 'b', name: 'secret' })])])
    await drain(world)
    for (const name of ['hits', 'failed_hits', 'hourly'] as const) {
      const [row] = await rowsOf(world, name)
      const columns = tables[name].columns.map((column) => column.name)
      expect(Object.keys(row ?? {}).sort()).toEqual(
        columns.filter((column) => !(publicationColumns as readonly string[]).includes(column)).sort(),
      )
    }
  })

  it('of hits hold every accepted field unchanged, with the derived ones and where they came from beside', async () => {
    const world = await createWorld()
    const accepted = hit({
      session: 's1',
      user: 'u1',
      referrer: 'https://news.example/x',
      title: 'A "title"',
      revenue: { micros: 9_007_199_254_740_993n, currency: 'EUR' },
      items: [{ id: 'i', name: null, quantity: 1.5, priceMicros: -1n }],
      props: { colour: 'red', size: null, big: true },
      context: {
        ...{ userAgent: 'UA', language: 'de', screen: '1x1', timeZone: 'Europe/Berlin' },
        campaign: { source: 'mail', medium: 'm', name: 'n', term: 't', content: 'c' },
      },
    })
    push(world, [batch([accepted], { addressPrefix: '203.0.113.0/24', requestUserAgent: 'R', requestLanguage: 'fr' })])
    await drain(world)
    const [row] = await rowsOf(world, 'hits')
    expect(row).toMatchObject({
      ...{
        merchant: 'shop',
        id: 'h1',
        name: 'page_view',
        time: morning,
        received: morning,
        visitor: 'v1',
        session: 's1',
        user: 'u1',
      },
      ...{ url: 'https://shop.example/a', referrer: 'https://news.example/x', title: 'A "title"' },
      ...{ revenue_micros: 9_007_199_254_740_993n, revenue_currency: 'EUR' },
      items: [{ id: 'i', name: null, quantity: 1.5, price_micros: -1n }],
      props: '{"colour":"red","size":null,"big":true}',
      ...{ user_agent: 'UA', language: 'de', screen: '1x1', client_time_zone: 'Europe/Berlin' },
      ...{
        campaign_source: 'mail',
        campaign_medium: 'm',
        campaign_name: 'n',
        campaign_term: 't',
        campaign_content: 'c',
      },
      ...{
        address_prefix: '203.0.113.0/24',
        request_user_agent: 'R',
        key_kind: 'browser',
        zone: 'UTC',
        currency: 'EUR',
      },
      ...{ path: '/a', source: 'mail', country: 'DE', device: 'desktop', bot: false },
      ...{ revenue_home_micros: 9_007_199_254_740_993n, data_sets: '{"country":"1"}' },
      ...{ _src: 'log-1', _part: 0, _off: 0, _idx: 0, _gen: 1 },
    })
    expect(row?.plan).toBe(hitsPipeline.hash({ country: '1' }))
  })

  it("take the request's language where the hit names none", async () => {
    const world = await createWorld()
    push(world, [batch([hit()], { requestLanguage: 'fr' })])
    await drain(world)
    expect(await rowsOf(world, 'hits')).toMatchObject([{ language: 'fr', user_agent: null, items: [] }])
  })
})
