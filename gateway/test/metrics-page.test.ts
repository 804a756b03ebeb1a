/** docs/reference/metrics.md names every metric there is, as it is, and no other. */
import { readFileSync } from 'node:fs'
import Fastify from 'fastify'
import { expect, it } from 'vitest'
import { createMetrics } from '../http/plugins/metrics.ts'
import { measureRequests } from '../http/plugins/request-duration.ts'

const page = readFileSync(new URL('../../docs/reference/metrics.md', import.meta.url), 'utf8')

it('the page of metrics names them all, with type, labels and meaning', async () => {
  const metrics = createMetrics()
  measureRequests(Fastify(), metrics.registry)
  const of = { job: 'hits', partition: 0, lagRecords: 0, lagSeconds: 0, watermarkMs: 0, paused: false }
  metrics.read({
    logBytes: () => 0,
    logState: () => 'open',
    forwarder: () => ({ state: 'flowing', backlogRecords: 0, visibleThroughMs: 0 }),
    partitions: () => [of],
    jobs: () => [{ job: 'hits', stateBytes: 0, queueBytes: 0 }],
    unpublishedFiles: () => 0,
    cellsBytes: () => 0,
    asOfMs: () => 0,
    ready: () => true,
  })
  const rows = [...page.matchAll(/^\| `(.+?)` \| (\w+) \|[^|]*\|[^|]*\| (.*) \|$/gm)]
  const written = rows.map(([, name, type, help]) => ({ name, type, help }))
  const metric = ({ name, type, help }: { name: string; type: unknown; help: string }) => ({ name, type, help })
  const all = (await metrics.registry.getMetricsAsJSON()).map((each) => metric(each))
  const byName = (a: { name: string | undefined }, b: { name: string | undefined }) =>
    `${a.name}` < `${b.name}` ? -1 : 1
  expect(written.toSorted(byName)).toEqual(all.toSorted(byName))

  const shown = new Map(rows.map(([row, name]) => [name, [...(row.split('|')[3] ?? '').matchAll(/`(\w+)`/g)]]))
  const text = await metrics.registry.metrics()
  for (const [, name = '', labels = ''] of text.matchAll(/^(\w+)\{(.*)\} /gm)) {
    const names = [...labels.matchAll(/(\w+)=/g)].map(([, label]) => label).filter((label) => label !== 'le')
    const base = name.replace(/_(bucket|sum|count)$/, '')
    expect(
      shown.get(shown.has(name) ? name : base)?.map(([, label]) => label),
      name,
    ).toEqual(names)
  }
})
