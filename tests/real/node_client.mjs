// OpenAI's Node client, unchanged, asks a Jackfield: `node node_client.mjs` runs every check, `node node_client.mjs
// abort <model> <stream>` asks and gives up when a line comes on its standard input.
// Environment: CLIENT (folder where the package is installed), BASE_URL, API_KEY, TEXT (what the far end says).

import assert from "node:assert/strict";
import { once } from "node:events";
import { createRequire } from "node:module";
import test from "node:test";

const { CLIENT, BASE_URL, API_KEY, TEXT } = process.env;
const OpenAI = createRequire(`${CLIENT}/package.json`)("openai").default;
const client = new OpenAI({ baseURL: BASE_URL, apiKey: API_KEY, maxRetries: 0 });
const chat = client.chat.completions;

const messages = [{ role: "user", content: "Xin chào" }];
const parameters = { type: "object", properties: { city: { type: "string" } }, additionalProperties: false };
const tools = [{ type: "function", function: { name: "weather", parameters } }];
const called = { city: "Đà Nẵng", days: 3 };
const picture = { type: "image_url", image_url: { url: "data:image/png;base64,iVBORw0KGgo=" } };

async function collected(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

function text(chunks) {
  return chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
}

function runChecks() {
  test("models are listed and found", async () => {
    const ids = (await collected(client.models.list())).map((model) => model.id);
    assert.ok(ids.includes("far-end/ok") && ids.includes("demo/demo-echo"));
    const model = await client.models.retrieve("far-end/ok");
    assert.deepEqual([model.id, model.object, model.owned_by], ["far-end/ok", "model", "far-end"]);
  });

  for (const model of ["far-end/ok", "claude/haiku"]) {
    test(`${model} answers whole`, async () => {
      const answer = await chat.create({ model, messages });
      assert.equal(answer.object, "chat.completion");
      assert.equal(answer.choices[0].message.content, TEXT);
      assert.equal(answer.choices[0].finish_reason, "stop");
      assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
    });

    test(`${model} answers in a stream`, async () => {
      const chunks = await collected(await chat.create({ model, messages, stream: true }));
      assert.equal(text(chunks), TEXT);
      assert.equal(chunks[0].choices[0].delta.role, "assistant");
      assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
      assert.ok(chunks.every((chunk) => chunk.object === "chat.completion.chunk" && chunk.id === chunks[0].id));
    });

    test(`${model} ends a stream with its usage when asked`, async () => {
      const asked = { model, messages, stream: true, stream_options: { include_usage: true } };
      const last = (await collected(await chat.create(asked))).at(-1);
      assert.deepEqual(last.choices, []);
      assert.ok(last.usage.total_tokens > 0);
    });
  }

  for (const model of ["far-end/tools", "acting/sonnet"]) {
    test(`${model} calls a tool`, async () => {
      const { message, finish_reason } = (await chat.create({ model, messages, tools })).choices[0];
      assert.equal(finish_reason, "tool_calls");
      assert.equal(message.tool_calls.length, 1);
      assert.equal(message.tool_calls[0].function.name, "weather");
      assert.deepEqual(JSON.parse(message.tool_calls[0].function.arguments), called);
    });

    test(`${model} calls a tool bit by bit`, async () => {
      const chunks = await collected(await chat.create({ model, messages, tools, stream: true }));
      const calls = chunks.flatMap((chunk) => chunk.choices[0].delta.tool_calls ?? []);
      assert.ok(calls.length > 3);
      assert.ok(calls[0].id && calls[0].type === "function" && calls[0].function.name === "weather");
      assert.ok(calls.slice(1).every((call) => call.index === 0 && !call.id && !call.function.name));
      assert.deepEqual(JSON.parse(calls.map((call) => call.function.arguments).join("")), called);
    });

    test(`${model} is understood by the client's own accumulator`, async () => {
      const { choices } = await chat.stream({ model, messages, tools }).finalChatCompletion();
      assert.deepEqual(JSON.parse(choices[0].message.tool_calls[0].function.arguments), called);
    });
  }

  test("the client's own loop of calls and results comes to an end", async () => {
    const seen = [];
    const weather = { name: "weather", parameters, parse: JSON.parse, function: (given) => `${seen.push(given)} storms` };
    const own = [{ type: "function", function: weather }];
    const runner = chat.runTools({ model: "acting/sonnet", messages, tools: own, stream: true });
    assert.equal(await runner.finalContent(), TEXT);
    assert.deepEqual(seen, [called]);
  });

  test("an answer in JSON is JSON", async () => {
    const json_schema = { name: "place", schema: parameters, strict: true };
    for (const response_format of [{ type: "json_object" }, { type: "json_schema", json_schema }]) {
      const asked = { model: "acting/sonnet", messages, response_format };
      const answer = await chat.create(asked);
      assert.deepEqual(JSON.parse(answer.choices[0].message.content), called);
      assert.deepEqual(JSON.parse(text(await collected(await chat.create({ ...asked, stream: true })))), called);
      await chat.create({ model: "far-end/ok", messages, response_format });
    }
  });

  test("an image can be shown", async () => {
    const shown = [{ role: "user", content: [{ type: "text", text: "What is this?" }, picture] }];
    for (const model of ["far-end/ok", "claude/haiku"]) {
      assert.equal((await chat.create({ model, messages: shown })).choices[0].message.content, TEXT);
    }
  });

  test("texts become vectors in every encoding", async () => {
    const asked = { model: "far-end/embed-small", input: ["a", "b"] };
    const vectors = (answer) => answer.data.map((item) => item.embedding);
    for (const model of [asked.model, "far-end/embed-plain"]) {
      assert.deepEqual(vectors(await client.embeddings.create({ ...asked, model })), [[0.25, -0.5], [0.25, -0.5]]);
    }
    const floats = await client.embeddings.create({ ...asked, encoding_format: "float" });
    assert.deepEqual(vectors(floats), [[0.25, -0.5], [0.25, -0.5]]);
    assert.equal(floats.usage.total_tokens, 4);
    const packed = await client.embeddings.create({ ...asked, encoding_format: "base64" });
    assert.deepEqual(vectors(packed), ["AACAPgAAAL8=", "AACAPgAAAL8="]);
    assert.equal((await client.embeddings.create({ ...asked, dimensions: 8 })).data[0].embedding.length, 8);
  });

  const kinds = {
    400: OpenAI.BadRequestError,
    401: OpenAI.AuthenticationError,
    403: OpenAI.PermissionDeniedError,
    404: OpenAI.NotFoundError,
    409: OpenAI.ConflictError,
    422: OpenAI.UnprocessableEntityError,
    429: OpenAI.RateLimitError,
    500: OpenAI.InternalServerError,
    503: OpenAI.InternalServerError,
  };
  for (const [status, kind] of Object.entries(kinds)) {
    test(`a provider's ${status} is a ${kind.name}`, async () => {
      for (const stream of [false, true]) {
        await assert.rejects(chat.create({ model: `far-end/${status}`, messages, stream }), (error) => {
          assert.ok(error instanceof kind, error.constructor.name);
          assert.deepEqual(Object.keys(error.error).sort(), ["code", "message", "param", "type"]);
          if (status === "429") assert.equal(error.headers.get("retry-after"), "7");
          return true;
        });
      }
    });
  }

  test("what is wrong with a request is named", async () => {
    const refused = { name: "Error", status: 400, param: "max_tokens", code: "integer_below_min_value" };
    await assert.rejects(chat.create({ model: "far-end/ok", messages, max_tokens: 0 }), refused);
    const wrong = new OpenAI({ baseURL: BASE_URL, apiKey: "jf_nobody", maxRetries: 0 });
    await assert.rejects(wrong.models.list(), OpenAI.AuthenticationError);
    await assert.rejects(client.models.retrieve("far-end/unknown"), OpenAI.NotFoundError);
  });

  test("a failure inside a stream is raised after the text so far", async () => {
    const chunks = [];
    const reading = async () => {
      const stream = await chat.create({ model: "far-end/error-mid", messages, stream: true });
      for await (const chunk of stream) chunks.push(chunk);
    };
    await assert.rejects(reading(), (error) => error instanceof OpenAI.APIError && /caught fire/.test(error.message));
    assert.equal(text(chunks), "Half ");
  });
}

async function abort(model, stream) {
  const controller = new AbortController();
  const asking = (async () => {
    const answer = await chat.create({ model, messages, stream }, { signal: controller.signal });
    if (stream) await collected(answer);
  })();
  asking.catch((error) => error);
  await once(process.stdin, "data");
  controller.abort();
  await asking.catch((error) => assert.ok(error instanceof OpenAI.APIUserAbortError, String(error)));
  console.log("aborted");
  await once(process.stdin, "end"); // alive, so that only the abort can have freed the provider
}

const [mode, model, stream] = process.argv.slice(2);
if (mode === "abort") {
  await abort(model, stream === "true");
  process.exit();
}
runChecks();
