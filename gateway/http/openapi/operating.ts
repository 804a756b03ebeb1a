/** The routes of whoever runs the system. */
import { z } from 'zod'
import type { Operation } from './operation.ts'

const part = z.union([z.object({ ok: z.literal(true) }), z.object({ ok: z.literal(false), reason: z.string() })])
export const liveAnswer = z.object({ alive: z.literal(true) })
export const readyAnswer = z.object({
  ready: z.literal(true),
  parts: z.record(z.string(), part).meta({ description: 'By name; which there are differs by role' }),
})

export const operating: readonly Operation[] = [
  {
    method: 'GET',
    path: '/livez',
    tag: 'operating',
    id: 'live',
    summary: 'The process turns',
    access: 'nobody',
    answers: { 200: { description: 'It does', content: [{ mediaType: 'application/json', schema: liveAnswer }] } },
    problems: [],
  },
  {
    method: 'GET',
    path: '/readyz',
    tag: 'operating',
    id: 'ready',
    summary: 'The process can do its work, or which part cannot',
    access: 'nobody',
    answers: { 200: { description: 'It can', content: [{ mediaType: 'application/json', schema: readyAnswer }] } },
    problems: ['not_ready'],
  },
  {
    method: 'GET',
    path: '/metrics',
    tag: 'operating',
    id: 'metrics',
    summary: 'What the process counts, for Prometheus',
    access: 'nobody',
    answers: { 200: { description: 'In the text format', content: [{ mediaType: 'text/plain' }] } },
    problems: [],
  },
  {
    method: 'GET',
    path: '/openapi.json',
    tag: 'operating',
    id: 'openapi',
    summary: 'This document: the routes of this process',
    access: 'nobody',
    answers: { 200: { description: 'OpenAPI 3.1', content: [{ mediaType: 'application/json' }] } },
    problems: [],
  },
  {
    method: 'GET',
    path: '/docs',
    tag: 'operating',
    id: 'docs',
    summary: 'This document as a page to read and try',
    access: 'nobody',
    answers: { 200: { description: 'Swagger UI', content: [{ mediaType: 'text/html' }] } },
    problems: [],
  },
]
