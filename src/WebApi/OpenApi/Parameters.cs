using System.Globalization;
using System.Text.Json.Nodes;
using ChatCqrs.Application;
using ChatCqrs.WebApi.Http;
using Microsoft.OpenApi;

namespace ChatCqrs.WebApi.OpenApi;

/// <summary>What the parameters of addresses and headers mean; each name means the same everywhere.</summary>
internal static class Parameters
{
    private static readonly Dictionary<string, (string Description, OpenApiSchema Schema, string Example)> Known = new()
    {
        ["id"] = ("The conversation.", Uuid(), Examples.Conversation),
        ["message_id"] = ("The message.", Uuid(), Examples.Message),
        ["user_id"] = ("A user; where it is a query's, it must be the caller.", Uuid(), Examples.Ben),
        ["device_id"] = ("One of the caller's devices.", Uuid(), Examples.AnnsPhone),
        ["registration_id"] = ("The registration.", Uuid(), Examples.Registration),
        ["name"] = ("The projection's name.", Text(), "timeline"),
        ["/v1/media/uploads/{id} id"] = ("The upload.", Uuid(), Examples.Upload),
        ["/v1/push-subscriptions/{id} id"] = ("The subscription.", Uuid(), Examples.Subscription),
        ["file_id"] = ("The file.", Uuid(), Examples.File),
        ["expires"] = ("Until when the address is good, in seconds since 1970.", Number(0), "1767323100"),
        ["signature"] = ("What makes it one of ours.", Text(), "q83vEjRWeJCrze8SNFZ4kA"),
        ["cursor"] = ("The `next_cursor` of the page before.", Text(), "MTIz"),
        ["limit"] = ("How many at most.", Number(1, Paging.LimitMax, Paging.LimitDefault), "50"),
        ["before_seq"] = ("Only what comes before this seq.", Number(0), "100"),
        ["after_seq"] = ("Only what comes after this seq; -1 for everything.", Number(-1), "7"),
    };

    public static readonly OpenApiParameter MinPosition = new()
    {
        Name = PositionToken.RequestHeader,
        In = ParameterLocation.Header,
        Description = $"A {PositionToken.AnswerHeader} that a command gave: the answer is at least that new. Waits up to 5 s, then 503.",
        Schema = Text(),
        Example = "AAAAAAAAEmc8JGFi",
    };

    public static OpenApiHeader Position => new()
    {
        Description = $"Up to where the log holds what the command did, for {PositionToken.RequestHeader}.",
        Schema = Text(),
        Example = "AAAAAAAAEmc8JGFi",
    };

    public static OpenApiHeader RetryAfter => new()
    {
        Description = "Seconds until trying again makes sense.",
        Schema = Number(1),
        Example = 1,
    };

    /// <summary>The parameters in a path's braces, for endpoints that the framework does not describe.</summary>
    public static void Describe(OpenApiParameter parameter, string path)
    {
        if (!Known.TryGetValue($"{path} {parameter.Name}", out var known) && !Known.TryGetValue(parameter.Name!, out known))
            return;
        parameter.Description = known.Description;
        parameter.Schema = known.Schema;
        parameter.Example = known.Schema.Type == JsonSchemaType.Integer
            ? JsonValue.Create(long.Parse(known.Example, CultureInfo.InvariantCulture))
            : JsonValue.Create(known.Example);
    }

    /// <summary>A header of the request that only some operations have.</summary>
    public static OpenApiParameter Header(string name, string meaning) => new() { Name = name, In = ParameterLocation.Header, Description = meaning, Schema = Text() };

    private static OpenApiSchema Uuid() => new() { Type = JsonSchemaType.String, Format = "uuid" };

    private static OpenApiSchema Text() => new() { Type = JsonSchemaType.String };

    private static OpenApiSchema Number(long min, long? max = null, long? standard = null) => new()
    {
        Type = JsonSchemaType.Integer,
        Format = "int64",
        Minimum = min.ToString(CultureInfo.InvariantCulture),
        Maximum = max?.ToString(CultureInfo.InvariantCulture),
        Default = standard is null ? null : JsonValue.Create(standard.Value),
    };
}
