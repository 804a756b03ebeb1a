/**
 * `node infra/test/run-typescript.mjs <file.ts> [arguments]`: runs a TypeScript file of the project in a process of its
 * own, for tests that kill one. Types are cut away file by file, without checking.
 */
import { readFileSync } from 'node:fs'
import { register } from 'node:module'
import { resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { isMainThread } from 'node:worker_threads'
import { withoutTypes } from './without-types.mjs'

export async function load(url, context, nextLoad) {
  if (!url.startsWith('file:') || !url.endsWith('.ts')) return nextLoad(url, context)
  const path = fileURLToPath(url)
  const source = withoutTypes(path, readFileSync(path, 'utf8'))
  return { format: 'module', source, shortCircuit: true }
}

// Node loads this file once more, in the thread of the hooks.
if (isMainThread) {
  register(import.meta.url)
  const [file] = process.argv.splice(2, 1)
  await import(pathToFileURL(resolve(file)).href)
}
