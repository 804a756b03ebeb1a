/** Listens, or says in one sentence what stands in the way. */
import type { FastifyInstance } from 'fastify'
import type { SharedConfig } from '../core/config/shared.ts'
import { StartError } from '../core/errors.ts'

/** The address it answers at. @throws StartError that names the mend */
export async function listen(
  app: FastifyInstance,
  { host, port }: Pick<SharedConfig, 'host' | 'port'>,
): Promise<string> {
  try {
    const address = await app.listen({ host, port })
    return address.replace('[::1]', 'localhost')
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    if (code === 'EADDRINUSE') {
      throw new StartError(`port ${port} on ${host} is taken; stop what listens there or set HITLAKE_PORT`, { cause })
    }
    if (code === 'EACCES') {
      throw new StartError(`port ${port} may not be opened by this user; set HITLAKE_PORT to one above 1023`, { cause })
    }
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
      throw new StartError(`${host} is no address of this machine; set HITLAKE_HOST`, { cause })
    }
    throw cause
  }
}
