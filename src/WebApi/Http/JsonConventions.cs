using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using ChatCqrs.Application.Json;

namespace ChatCqrs.WebApi.Http;

/// <summary>
/// How REST reads and writes JSON. Names are in snake case and match without regard to case; a duplicate name and a
/// text that is not well-formed Unicode are refused.
/// </summary>
internal static class JsonConventions
{
    /// <summary>
    /// The deepest nesting of a body and of an answer, in levels. Messages of earlier versions have attachments of up
    /// to 31 levels, which stand 4 levels deep in an inbox.
    /// </summary>
    private const int DepthMax = 64;

    public static IServiceCollection AddJsonConventions(this IServiceCollection services)
    {
        services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
        return services.ConfigureHttpJsonOptions(options => Apply(options.SerializerOptions));
    }

    private static void Apply(JsonSerializerOptions options)
    {
        options.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
        options.DictionaryKeyPolicy = null;
        options.PropertyNameCaseInsensitive = true;
        options.AllowDuplicateProperties = false;
        options.NumberHandling = JsonNumberHandling.Strict;
        options.MaxDepth = DepthMax;
        // Safe: browsers never read an answer as HTML, because of its content type and nosniff.
        options.Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;
        options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false));
        options.Converters.Add(new TimestampConverter());
        options.Converters.Add(new WellFormedElementConverter());
    }
}
