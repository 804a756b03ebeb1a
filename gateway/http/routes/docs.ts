/**
 * `GET /openapi.json`: the document of the routes that this process has. `GET /docs`: the same as a page (Swagger UI), all of
 * it from here: no script, style or font of another server. Neither needs a key. Registered with the other routes of a
 * process; which there are is looked up when all of them are.
 */
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyPluginAsync } from 'fastify'
import { openApiDocument, openApiPaths } from '../openapi/document.ts'

/** Swagger UI sets styles on its elements; it needs nothing else beyond itself. */
export const docsPolicy =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"

export const docsRoutes: FastifyPluginAsync = async (app) => {
  const document = openApiDocument(() => false)
  let text = ''
  app.addHook('onReady', (done) => {
    // The plugin holds the object: it is filled, not replaced.
    document.paths = openApiPaths(({ method, path }) =>
      app.hasRoute({ method, url: path.replaceAll(/\{(\w+)\}/g, ':$1') }),
    )
    text = JSON.stringify(document)
    done()
  })
  await app.register(swagger, { mode: 'static', specification: { document: document as never } })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: docsPolicy,
    uiConfig: { tryItOutEnabled: true, displayRequestDuration: true },
  })
  app.get('/openapi.json', (_request, reply) =>
    reply
      .header('cache-control', 'no-cache')
      // Tools of other origins read it; there is nothing in it but what is in the repository.
      .header('access-control-allow-origin', '*')
      .type('application/json; charset=utf-8')
      .send(text),
  )
}
