/** What the scripts count themselves. The runner reads these names (`runner/check.ts`). */
import { Counter, Rate, Trend } from 'k6/metrics'

/** Hits of all requests that were begun, answered or not. */
export const hitsOffered = new Counter('hits_offered')
/** Hits that a 202, or a socket's answer, named as accepted. Repeats are in it. */
export const hitsAccepted = new Counter('hits_accepted')
/** Hits of requests that were answered 4xx: nothing of them is stored. After a 5xx, or without an answer, one cannot know. */
export const hitsRefused = new Counter('hits_refused')
/** Of the accepted, those sent a second time on purpose: the books have to call them duplicates. */
export const hitsRepeated = new Counter('hits_repeated')
/** Requests that failed: no answer, or one that was not expected. */
export const errors = new Rate('errors')
/** From the beginning of a request of hits, or of a frame, to its durable answer. */
export const ackMs = new Trend('ack_ms', true)
/** The same of clients behind a slow line. */
export const slowAckMs = new Trend('slow_ack_ms', true)
/** Frames not sent in time because the server had not answered enough of those before. */
export const framesHeld = new Counter('frames_held')
export const readMs = new Trend('read_ms', true)
/** How far `asOf` was behind the clock, once a second. */
export const asOfLagMs = new Trend('as_of_lag_ms', true)

/** At the end, of each merchant: nothing in flight, and all that was accepted has an outcome. */
export const booksBalanced = new Rate('books_balanced')
export const booksAccepted = new Counter('books_accepted')
export const booksStored = new Counter('books_stored')
export const booksDuplicates = new Counter('books_duplicates')
/** Failed or dropped: nothing of this traffic should be. */
export const booksOther = new Counter('books_other')
/** Hits as time series count them; has to be what the books call stored. */
export const seriesHits = new Counter('series_hits')
