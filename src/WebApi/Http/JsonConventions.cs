using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using ChatCqrs.Application.Json;

namespace ChatCqrs.WebApi.Http;

/// <summary>
/// How REST reads and writes JSON (API.md, conventions). Names match without regard to case, a name that is given twice is refused, and a
/// text that is no Unicode is none of ours.
/// </summary>
internal static class JsonConventions
{
    private const int DepthMax = 32;

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
        options.Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping; // Answers are never put into a page: they are nosniff and JSON.
        options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false));
        options.Converters.Add(new TimestampConverter());
        options.Converters.Add(new WellFormedElementConverter());
    }
}
