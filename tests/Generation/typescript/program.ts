// Ann registers and writes to Ben, with the types that openapi-typescript made of the server's document.
import type { components, operations } from "./schema.js";

type Schemas = components["schemas"];
type Problem = Schemas["SendMessageProblem"];

// What the document says is in the types: the lines below a mark must not compile.
// @ts-expect-error A message needs an id.
const withoutId: Schemas["SendMessageBody"] = { type: "text", text: "hello" };
// @ts-expect-error There is no such type.
const strangeType: Schemas["MessageType"] = "telegram";
// @ts-expect-error No send is answered so.
const strangeCode: Problem["code"] = "wrong_code";
// @ts-expect-error An answer always has a seq.
const withoutSeq: Schemas["SentAnswer"] = { message_id: "", conversation_id: "", sent_at: "" };
const code: Problem["code"] = "message_id_reused";
type Sent = operations["sendMessage"]["responses"][201]["content"]["application/json"];

declare const process: { argv: string[] };
const server = process.argv[2] ?? "";

async function call<Answer>(method: string, path: string, body?: object, token?: string): Promise<Answer> {
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (token !== undefined) headers["authorization"] = `Bearer ${token}`;
  const init: RequestInit = { method, headers };
  if (body !== undefined) init.body = JSON.stringify(body);
  const answer = await fetch(server + path, init);
  const json: unknown = await answer.json();
  if (!answer.ok) throw json;
  return json as Answer;
}

async function signIn(phone: string): Promise<Schemas["TokenAnswer"]> {
  const start: Schemas["StartRegistrationBody"] = { phone };
  const started = await call<Schemas["RegistrationAnswer"]>("POST", "/v1/registrations", start);
  const verification: Schemas["VerifyRegistrationBody"] = {
    code: started.code ?? "", device: { name: "Browser", platform: "web" },
  };
  return call("POST", `/v1/registrations/${started.registration_id}/verification`, verification);
}

const [ann, ben] = [await signIn("+12025550141"), await signIn("+12025550142")];
const draft: Schemas["SendMessageBody"] = {
  message_id: crypto.randomUUID(), receiver_id: ben.user_id, type: "text", text: "hello",
};
const sent = await call<Sent>("POST", "/v1/messages", draft, ann.access_token);
const page = await call<Schemas["GetInboxResult"]>("GET", "/v1/conversations", undefined, ben.access_token);
const last: Schemas["MessageView"] | null | undefined = page.conversations[0]?.last_message;
let refused: Problem["code"] | undefined;
try {
  await call("POST", "/v1/messages", { ...draft, text: "something else" }, ann.access_token);
} catch (problem) {
  refused = (problem as Problem).code;
}

console.log(`${last?.seq === sent.seq} ${last?.text} ${last?.status} ${refused === code}`);
