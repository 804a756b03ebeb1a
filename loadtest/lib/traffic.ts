/**
 * The hits that are sent: of the shape and size of a shop's, made cheaply, because the sender shares the machine with what
 * it measures. Every hit has an id of its own, so that the books can be compared with what was sent.
 */

/** A page view in eight purchases a quarter of a thousand: what a shop sees, roughly. */
const agents = [
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1',
  'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36',
]
export const visitors = 200_000
export const pages = 5_000

/** The JSON of one hit. `id` is unique in the run; `index` decides what it holds. */
export function hitJson(id: string, index: number, timeMs: number): string {
  const isOrder = index % 30 === 0
  const name = isOrder ? 'purchase' : index % 4 === 0 ? 'add_to_cart' : 'page_view'
  const referrer = index % 3 === 0 ? 'https://www.search.example/results?q=shoes' : 'https://shop.example/'
  const revenue = isOrder ? `,"revenue":{"amount":${(index % 10_000) / 100},"currency":"EUR"}` : ''
  return (
    `{"id":"${id}","name":"${name}","time":${timeMs},"visitor":"visitor-${(index * 7_919) % visitors}",` +
    `"url":"https://shop.example/products/${(index * 31) % pages}?utm=${index % 7}","referrer":"${referrer}",` +
    `"title":"Running shoes, light and fast"${revenue},` +
    `"props":{"load_ms":${index % 3_000},"variant":"${index % 2 === 0 ? 'a' : 'b'}","logged_in":${index % 5 === 0}},` +
    `"context":{"userAgent":"${agents[index % agents.length]}","language":"en","screen":"1920x1080"}}`
  )
}

/** A request's body of `count` hits; ids are `<sender>-<first>` and on. */
export function batchJson(sender: string, first: number, count: number, timeMs: number): string {
  const hits: string[] = []
  for (let index = first; index < first + count; index++) hits.push(hitJson(`${sender}-${index}`, index, timeMs))
  return `[${hits.join(',')}]`
}

/**
 * Which of `count` merchants a draw from [0, 1) hits: by Zipf's law, so that the first has the most hits and most have few.
 * Exact for the continuous law; the first's share is about 1 / ln(count).
 */
export function zipf(draw: number, count: number): number {
  return Math.min(count, Math.floor(Math.exp(draw * Math.log(count + 1)))) - 1
}
