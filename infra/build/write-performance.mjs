/** Writes docs/reference/performance.md from the records in bench/results. Needs no build; a test holds the page equal. */
import { register } from 'node:module'

register('../test/run-typescript.mjs', import.meta.url)
const { writePage } = await import('../../bench/record.ts')
writePage()
