using ChatCqrs.Domain;
using ChatCqrs.WebApi.Operations;

namespace ChatCqrs.WebApi.OpenApi;

internal static class OperationsOperations
{
    private const string Tag = "Operations";

    private static readonly Refusal Forbidden = new(RefusalKind.Forbidden, "forbidden", "The caller may not do this.");

    public static readonly IReadOnlyList<Operation> All =
    [
        new(HttpMethod.Get, "/v1/admin/projections", Tag, "How far the projections are", "Position, lag and state of each read model. For the role `admin`.")
        {
            Answers =
            [
                new(200, "The projections.", typeof(ProjectionsAnswer),
                    """{"projections":[{"name":"timeline","position":4711,"lag":0.2,"state":"running","detail":null}]}"""),
            ],
            Refusals = [Forbidden],
        },
        new(HttpMethod.Post, "/v1/admin/projections/{name}/rebuild", Tag, "Build a projection anew",
            "Beside the one in use, which it replaces once it has caught up: nothing is interrupted. For the role `admin`.")
        {
            Answers = [new(202, "It was asked for.", typeof(RebuildAnswer), """{"name":"timeline"}""")],
            Refusals = [AdminEndpoints.ProjectionUnknown, Forbidden],
        },
        new(HttpMethod.Get, "/health/live", Tag, "Whether the process answers", "Restart it when it does not.")
        {
            Authorised = false,
            Api = false,
            Answers = [new(200, "It does.", null, """{"status":"healthy","checks":{}}""")],
        },
        new(HttpMethod.Get, "/health/ready", Tag, "Whether the server can do its work",
            "The log answers, the read side answers, a node leads it and it is not far behind, and the process is not about to stop. Send requests only while it is 200.")
        {
            Authorised = false,
            Api = false,
            Answers =
            [
                new(200, "It can.", null,
                    """{"status":"healthy","checks":{"log":{"status":"healthy","detail":"answers"},"read_side":{"status":"healthy","detail":"0.0 seconds behind the log"}}}"""),
                new(503, "It cannot now.", null,
                    """{"status":"unhealthy","checks":{"log":{"status":"unhealthy","detail":"cannot be reached, or does not answer in time"}}}"""),
            ],
        },
        new(HttpMethod.Get, "/hangfire", Tag, "The clock's jobs",
            "Hangfire's dashboard: what recurs, what is due, what failed. For the role `admin`. A browser is let in by `/hangfire?access_token=...`, which leaves a cookie.")
        {
            Api = false,
            Answers = [new(200, "The page.", null, "<!DOCTYPE html>", "text/html")],
            Refusals = [Refusal.Unauthenticated, Forbidden],
        },
        new(HttpMethod.Get, "/metrics", Tag, "Metrics for Prometheus", "In Prometheus' text format.")
        {
            Authorised = false,
            Api = false,
            Answers = [new(200, "The metrics.", null, "chat_connections 12", "text/plain")],
        },
    ];
}
