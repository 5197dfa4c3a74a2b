using ChatCqrs.Application.Auditing;
using ChatCqrs.Domain;
using ChatCqrs.WebApi.Http;
using ChatCqrs.WebApi.Operations;
using Microsoft.OpenApi;

namespace ChatCqrs.WebApi.OpenApi;

/// <summary>Administration, health and metrics.</summary>
internal static class OperationsOperations
{
    private const string Tag = "Operations";

    public static readonly IReadOnlyList<Operation> All =
    [
        new(HttpMethod.Get, "/v1/admin/projections", Tag, "The progress of the projections",
            """
            Position, lag and state of each read model, and the streams whose views end before an event that could not
            be read or folded. For the role `admin`.
            """)
        {
            Id = "listProjections",
            Answers =
            [
                new(200, "The projections.", typeof(ProjectionsAnswer),
                    """
                    {"projections":[{"name":"timeline","position":4711,"lag":0.2,"state":"running","detail":null}],
                     "set_aside_streams":0,"set_aside":[]}
                    """),
            ],
            Statuses = [403],
        },
        new(HttpMethod.Post, "/v1/admin/projections/{name}/rebuild", Tag, "Rebuild a projection",
            """
            Folds the log into a second copy, which replaces the one in use once it has caught up. Reads continue
            meanwhile. For the role `admin`.
            """)
        {
            Id = "rebuildProjection",
            Answers = [new(202, "The rebuild is requested.", typeof(RebuildAnswer), """{"name":"timeline"}""")],
            Refusals = [AdminEndpoints.ProjectionUnknown],
            Statuses = [403],
        },
        new(HttpMethod.Post, "/v1/admin/log/incarnation", Tag, "Renew the log's incarnation",
            """
            After a fail-over or a restore that lost entries which were acknowledged: all nodes forget what they have in
            memory, and close their sockets; clients that know another incarnation drop what they have beyond the log's
            end. For the role `admin`.
            """)
        {
            Id = "renewIncarnation",
            Answers =
            [
                new(200, "The new incarnation.", typeof(IncarnationAnswer),
                    """{"incarnation":"0198c2a5-3000-7000-8000-000000000abc"}"""),
            ],
            Statuses = [403],
        },
        new(HttpMethod.Post, "/v1/admin/audit/recovery", Tag, "Recover the signed logs after a restore",
            """
            While more was published than the database has, nothing is signed. This imports what is missing from
            `Audit:Mirror`, checks it against the last signed checkpoint, and appends an entry that tells of the restore
            (`restored`). Where there is no mirror, set a new `Audit:Origin` and `Audit:KeyFile` first: new logs begin,
            whose first entries hold the last known checkpoints (`continued`). Again, or without need, it does nothing
            (`current`). Who asked is recorded. For the role `admin`.
            """)
        {
            Id = "recoverLogs",
            Answers =
            [
                new(200, "The logs as they are now.", typeof(RecoverLogs.Result),
                    """
                    {"outcome":"restored",
                     "heads":{"origin":"chat.example.org/v1/audit/heads","size_before":4700,"published":4711,"size":4712},
                     "keys":{"origin":"chat.example.org/v1/audit/keys","size_before":311,"published":311,"size":311}}
                    """),
            ],
            Refusals =
            [
                Refusal.NewOriginNeeded, Refusal.NewKeyNeeded, Refusal.MirrorIncomplete, Refusal.MirrorInUse,
                Refusal.LogForked,
            ],
            Statuses = [403],
        },
        new(HttpMethod.Get, "/v1/server", Tag, "The server, its bounds and what it offers",
            """
            For everybody, and cacheable for a minute. A client decides by the bounds and by `features`, never by the
            version. Features may be added; a client passes over those that it does not know.
            """)
        {
            Id = "getServer",
            Authorised = false,
            Api = false,
            Answers =
            [
                new(200, "The server.", typeof(ServerAnswer),
                    """
                    {"name":"ChatCqrs","version":"1.0.0","api_versions":["v1"],"time":"2026-01-02T03:04:05.678Z",
                     "incarnation":"0198c2a5-3000-7000-8000-000000000abc","registration":["phone"],
                     "limits":{"text_bytes":65536,"ciphertext_bytes":262144,"attachment_bytes":16384,
                       "file_bytes":2147483648,"frame_bytes":524288,"members":1024,"edit_seconds":900,"page":200},
                     "retention":{"days":30,"shortest_timer_seconds":3600,"delete_when_delivered":false},
                     "push":{"webpush_public_key":null,"fcm":false,"apns":false},"encryption":null,
                     "features":["resumable_uploads"]}
                    """),
            ],
            Refusals = [Refusal.RateLimited],
        },
        new(HttpMethod.Get, "/health/live", Tag, "Liveness", "Restart a process that does not answer.")
        {
            Id = "getLiveness",
            Authorised = false,
            Api = false,
            Answers = [new(200, "The process answers.", null, """{"status":"healthy","checks":{}}""")],
        },
        new(HttpMethod.Get, "/health/ready", Tag, "Readiness",
            """
            Ready when the log and the database answer, and the process is not stopping. Send requests only while the
            answer is 200. A read side that is far behind, has no leader or cannot go on is `degraded`, and still 200:
            it is that for all nodes at once, and sends, acknowledgements and sockets work. So are signed logs that are
            not published.
            """)
        {
            Id = "getReadiness",
            Authorised = false,
            Api = false,
            Answers =
            [
                new(200, "The server is ready.", null,
                    """
                    {"status":"healthy","lag_seconds":0,"checks":{"log":{"status":"healthy","detail":"answers"},
                      "read_side":{"status":"healthy","detail":"0.0 seconds behind the log"}}}
                    """),
                new(503, "The server is not ready.", null,
                    """
                    {"status":"unhealthy","lag_seconds":null,"checks":{"log":{"status":"unhealthy",
                      "detail":"cannot be reached, or does not answer in time"}}}
                    """),
            ],
        },
        new(HttpMethod.Get, "/hangfire", Tag, "The dashboard of jobs",
            """
            Hangfire's dashboard of recurring, due and failed jobs. For the role `admin`. A browser signs in at
            `/hangfire/sign-in`.
            """)
        {
            Id = "showDashboard",
            Api = false,
            Answers = [new(200, "The page.", null, "<!DOCTYPE html>", "text/html")],
            Refusals = [Refusal.Unauthenticated],
            Statuses = [403],
        },
        new(HttpMethod.Get, "/hangfire/sign-in", Tag, "The form that signs a browser in to the dashboard",
            "It posts an access token to the same address.")
        {
            Id = "showDashboardSignIn",
            Authorised = false,
            Api = false,
            Answers = [new(200, "The page.", null, "<!DOCTYPE html>", "text/html")],
        },
        new(HttpMethod.Post, "/hangfire/sign-in", Tag, "Sign a browser in to the dashboard",
            """
            Sets a cookie that the dashboard takes as the access token, as long as the token lasts. For the role
            `admin`. Browsers are answered only if a page of this server sent the form.
            """)
        {
            Id = "signInToDashboard",
            Authorised = false,
            Api = false,
            Request = """{"access_token":"eyJhbGciOiJFUzI1NiJ9.e30.c2ln"}""",
            RequestMediaType = "application/x-www-form-urlencoded",
            RequestSchema = () => new OpenApiSchema
            {
                Type = JsonSchemaType.Object,
                Required = new HashSet<string> { "access_token" },
                Properties = new Dictionary<string, IOpenApiSchema>
                {
                    ["access_token"] = new OpenApiSchema { Type = JsonSchemaType.String },
                },
            },
            Answers = [new(303, "Signed in: the dashboard is at `Location`.")],
            Refusals =
            [
                Refusal.TokenInvalid, Origins.Refused, DashboardSignIn.NotAForm, Refusal.RateLimited,
            ],
            Statuses = [400, 403, 413],
        },
        new(HttpMethod.Get, "/metrics", Tag, "Metrics for Prometheus",
            """
            In Prometheus' text format; one scrape is shared for a second. Outside of Development with the
            `Metrics:Token` of the server as the bearer token, and not there (404) where none is set.
            """)
        {
            Id = "getMetrics",
            Authorised = false,
            Api = false,
            Answers = [new(200, "The metrics.", null, "chat_connections 12", "text/plain")],
            Refusals = [Refusal.Unauthenticated],
            Statuses = [404],
        },
    ];
}
