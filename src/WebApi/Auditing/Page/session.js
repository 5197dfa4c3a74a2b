// Who is signed in, and calls of the API. Tokens live in this page's memory alone: closing the page forgets them.

/** A refused call: the problem that the server answered (RFC 9457). */
export class Refused extends Error {
  constructor(status, problem) {
    const fields = Object.entries(problem.errors ?? {}).map(([name, said]) => `${name}: ${said.join(' ')}`);
    super([problem.detail ?? problem.title ?? `The server answered ${status}.`, ...fields].join(' '));
    this.status = status;
    this.code = problem.code;
  }
}

export class Session {
  #registration;
  #tokens;
  #refreshing;

  /** @returns the code, where the server tells it: in Development */
  async askForCode(phone) {
    const asked = await json(await send('POST', '/v1/registrations', { phone }));
    this.#registration = asked.registration_id;
    return asked.code;
  }

  async signIn(code) {
    const device = { name: 'Audit page', platform: 'web', ephemeral: true };
    this.#tokens = await json(await send('POST', `/v1/registrations/${this.#registration}/verification`, { code, device }));
  }

  /** The device goes, and with it its tokens. */
  async signOut() {
    try {
      await this.call('DELETE', `/v1/devices/${this.#tokens.device_id}`);
    } finally {
      this.#tokens = undefined;
    }
  }

  async call(method, path, { body, signal } = {}) {
    const used = this.#tokens.access_token;
    try {
      return await send(method, path, body, used, signal);
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 401) throw error;
      if (this.#tokens.access_token === used) await this.#refresh();
      return send(method, path, body, this.#tokens.access_token, signal);
    }
  }

  async get(path, options) {
    return json(await this.call('GET', path, options));
  }

  async post(path, body) {
    return json(await this.call('POST', path, { body }));
  }

  #refresh() {
    this.#refreshing ??= (async () => {
      try {
        const { refresh_token } = this.#tokens;
        this.#tokens = await json(await send('POST', '/v1/tokens/refresh', { refresh_token }));
      } finally {
        this.#refreshing = undefined;
      }
    })();
    return this.#refreshing;
  }
}

async function send(method, path, body, token, signal) {
  const headers = {};
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  const answer = await fetch(path, {
    method, headers, signal, credentials: 'omit', body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({})); // Something between may answer without a problem.
  throw new Refused(answer.status, problem);
}

async function json(answer) {
  return answer.status === 204 ? undefined : answer.json();
}
