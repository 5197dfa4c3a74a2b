using System.Text.Json;
using ChatCqrs.Application.Media;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Specs.Messages;

public sealed class FileReferencesSpecs
{
    private const string One = "0198c2a4-7f00-7000-8000-0000000000a1", Two = "0198c2a4-7f00-7000-8000-0000000000a2";

    [Theory]
    [InlineData("\"" + One + "\"", new[] { One })]
    [InlineData("""{"file_id":"0198c2a4-7f00-7000-8000-0000000000a1"}""", new[] { One })]
    [InlineData("""{"file_ID":"0198c2a4-7f00-7000-8000-0000000000a1"}""", new[] { One })]
    [InlineData("""{"thumbnail_file_id":"0198c2a4-7f00-7000-8000-0000000000a2"}""", new[] { Two })]
    [InlineData(
        """
        {"file_id":"0198c2a4-7f00-7000-8000-0000000000a1",
         "thumbnail_file_id":"0198c2a4-7f00-7000-8000-0000000000a2"}
        """,
        new[] { One, Two })]
    [InlineData("""{"album":[{"file_id":"0198c2a4-7f00-7000-8000-0000000000a1"}]}""", new[] { One })]
    [InlineData("""{"user_id":"0198c2a4-7f00-7000-8000-0000000000a1"}""", new string[0])]
    [InlineData("""{"file_id":"a.png"}""", new string[0])]
    [InlineData("null", new string[0])]
    public void Files_are_found_by_their_names(string attachment, string[] files)
    {
        var element = JsonSerializer.Deserialize<JsonElement>(attachment);
        var expected = files.Select(id => new FileId(Guid.Parse(id)));

        Assert.Equal(expected, FileReferences.Of(element, null) ?? []);
        Assert.Equal(expected, FileReferences.Of(null, element) ?? []);
        Assert.Equal(expected, FileReferences.Of(element, element) ?? []);
    }
}
